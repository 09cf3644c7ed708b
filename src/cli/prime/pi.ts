// Puts what `wtmag prime` prints before the next prompt: when a session starts, and after its context was compacted.
import { execFile } from "node:child_process";

function prime(cwd: string | undefined): Promise<string> {
  const options = { cwd, timeout: 10_000 };
  return new Promise((done) => {
    execFile("wtmag", ["prime", "--if-any"], options, (_error, stdout) => done(String(stdout ?? "").trim()));
  });
}

export default function (pi: any) {
  let due = true;
  pi.on("session_start", () => { due = true; });
  pi.on("session_compact", () => { due = true; });
  pi.on("before_agent_start", async (_event: any, ctx: any) => {
    if (!due) return;
    due = false;
    const content = await prime(ctx?.cwd);
    return content ? { message: { customType: "wtmag", content, display: true } } : undefined;
  });
}
