// Tells wtmag what pi does. Loaded for one run with `pi -e`; changes nothing, never blocks.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, watch } from "node:fs";
import { dirname, join } from "node:path";

const HOOK: string[] = __HOOK__;

let last: Promise<void> = Promise.resolve();

/** One event after the other, so that they arrive in order. */
function tell(event: object): void {
  const payload = JSON.stringify(event);
  last = last.then(
    () =>
      new Promise<void>((done) => {
        const timer = setTimeout(done, 2000);
        const finish = () => { clearTimeout(timer); done(); };
        try {
          const child = spawn(HOOK[0], HOOK.slice(1), { stdio: ["pipe", "ignore", "ignore"] });
          child.on("error", finish);
          child.on("exit", finish);
          child.stdin.on("error", () => {});
          child.stdin.end(payload);
          child.unref();
        } catch { finish(); }
      }),
  );
}

/** At the end there is no later. */
function tellNow(event: object): void {
  try {
    spawnSync(HOOK[0], HOOK.slice(1), { input: JSON.stringify(event), stdio: ["pipe", "ignore", "ignore"], timeout: 500 });
  } catch {}
}

function textOf(message: any): string | undefined {
  if (message?.role !== "assistant") return undefined;
  const parts = Array.isArray(message.content) ? message.content : [];
  return parts.filter((it: any) => it?.type === "text").map((it: any) => it.text).join("\n");
}

/** Pull requests in what a tool printed. */
function tellPrinted(content: any): void {
  const parts = Array.isArray(content) ? content : [];
  const text = parts.filter((it: any) => it?.type === "text").map((it: any) => String(it.text)).join("\n");
  const urls = text.match(/https:\/\/[^\s"'<>()]+\/(?:pull|merge_requests)\/\d+/g);
  if (urls) tell({ event: "answered", printed: urls.slice(-8).join("\n") });
}

/** Takes texts from wtmag: a file with this worker's name belongs to who renames it. Returns what ends that. */
function listen(take: (text: string) => void): () => void {
  const { WTMAG_SPOOL: spool, WTMAG_WORKER: worker } = process.env;
  if (!spool || !worker) return () => {};
  const dir = join(dirname(spool), "channels");
  const offered = join(dir, worker);
  const [taken, refused] = [`${offered}.taken`, `${offered}.refused`];
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const look = () => {
    try { renameSync(offered, taken); } catch { return; }
    try {
      take(readFileSync(taken, "utf8"));
      rmSync(taken, { force: true });
    } catch {
      // pi did not take it: wtmag types it.
      try { renameSync(taken, refused); } catch {}
    }
  };
  const watcher = watch(dir, { persistent: false }, look);
  watcher.on("error", () => {});
  // What was offered before.
  look();
  return () => watcher.close();
}

export default function (pi: any) {
  let message: string | undefined;
  let failed: string | undefined;
  const session = (ctx: any) => { try { return ctx?.sessionManager?.getSessionId?.(); } catch { return undefined; } };
  const on = (name: string, handler: (event: any, ctx: any) => void) => {
    try { pi.on(name, async (event: any, ctx: any) => { try { handler(event, ctx); } catch {} }); } catch {}
  };
  let current: any;
  let stop: (() => void) | undefined;
  on("session_start", (_event, ctx) => {
    current = ctx;
    tell({ event: "started", session: session(ctx) });
    stop ??= listen((text) => pi.sendUserMessage(text, current?.isIdle?.() === false ? { deliverAs: "followUp" } : undefined));
  });
  on("input", (event, ctx) => tell({ event: "prompt", text: event.text, session: session(ctx) }));
  on("agent_start", (_event, ctx) => { message = failed = undefined; tell({ event: "busy", session: session(ctx) }); });
  on("message_end", (event) => {
    message = textOf(event.message) || message;
    failed = event.message?.stopReason === "error" ? (event.message.errorMessage ?? "error") : undefined;
  });
  on("tool_result", (event) => tellPrinted(event?.content));
  on("agent_settled", (_event, ctx) => tell({ event: "ended", message, failed, session: session(ctx) }));
  on("ui_prompt_start", (event) => tell({
    event: "question",
    text: String(event?.title ?? event?.message ?? ""),
    choices: (Array.isArray(event?.options) ? event.options : []).map((it: any) => String(it?.label ?? it)),
  }));
  on("ui_prompt_end", () => tell({ event: "answered" }));
  on("session_shutdown", (event) => {
    // After a reload or `/new`, pi runs a new copy of this file: this one must not take texts any more.
    stop?.();
    stop = undefined;
    if ((event?.reason ?? "quit") === "quit") tellNow({ event: "exit", reason: "shutdown" });
  });
}
