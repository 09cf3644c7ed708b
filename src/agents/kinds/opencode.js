// Tells wtmag what opencode does. Loaded for one run through OPENCODE_CONFIG_CONTENT; changes
// nothing, never blocks.
import { spawn } from "node:child_process";

const HOOK = __HOOK__;

let last = Promise.resolve();

/** One event after the other, so that they arrive in order. */
function tell(event) {
  const payload = JSON.stringify(event);
  last = last.then(
    () =>
      new Promise((done) => {
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

/** What a permission is for: the command or the path. */
function aboutOf(it) {
  const named = it.metadata?.command ?? it.metadata?.filepath ?? it.metadata?.url ?? it.patterns;
  return Array.isArray(named) ? named.join(" ") : String(named ?? "");
}

/** Pull requests in what a tool printed. A child session's id is not the worker's: none is told. */
function tellPrinted(text) {
  const urls = String(text ?? "").match(/https:\/\/[^\s"'<>()]+\/(?:pull|merge_requests)\/\d+/g);
  if (urls) tell({ event: "answered", printed: urls.slice(-8).join("\n") });
}

export const Wtmag = async () => {
  const children = new Set();
  const answers = new Map();
  let message, failed;
  // Said again for each step of a turn: only the first one is news.
  let busy = false;
  const of = (session) => !children.has(session);
  const handle = ({ type, properties: it = {} }) => {
    const session = it.sessionID ?? it.info?.sessionID ?? it.part?.sessionID ?? it.info?.id;
    if ((type === "session.created" || type === "session.updated") && it.info?.parentID) children.add(it.info.id);
    if (!of(session)) return;
    if (type === "message.updated" && it.info?.role === "assistant") answers.set(it.info.id, true);
    if (type === "message.part.updated" && it.part?.type === "text" && answers.has(it.part.messageID)) message = it.part.text;
    if (type === "session.error" && it.error?.name !== "MessageAbortedError") failed = it.error?.data?.message ?? it.error?.name ?? "error";
    if (type === "session.status" && it.status?.type === "busy" && !busy) { busy = true; tell({ event: "busy", session }); }
    if (type === "session.idle" || (type === "session.status" && it.status?.type === "retry")) busy = false;
    if (type === "session.status" && it.status?.type === "retry") tell({ event: "retry", text: it.status.message, session });
    if (type === "session.idle") { tell({ event: "ended", message: message || undefined, failed, session }); message = failed = undefined; answers.clear(); }
    if (type === "permission.asked") tell({ event: "permission", text: it.permission ?? it.type ?? it.title ?? "", about: aboutOf(it), session });
    if (type === "permission.replied") tell({ event: "answered", session });
    if (type === "question.asked") {
      const asked = it.questions?.[0];
      const choices = (asked?.options ?? []).map((one) => String(one?.label ?? "")).filter(Boolean);
      tell({ event: "question", text: String(asked?.question ?? ""), choices, session });
    }
    if (type === "question.replied" || type === "question.rejected") tell({ event: "answered", session });
  };
  return {
    event: async ({ event }) => { try { handle(event); } catch {} },
    "tool.execute.after": async (_input, output) => { try { tellPrinted(output?.output); } catch {} },
    "chat.message": async (input, output) => {
      try {
        if (!of(input?.sessionID)) return;
        const parts = output?.parts ?? [];
        const text = parts.filter((it) => it.type === "text" && !it.synthetic).map((it) => it.text).join("\n");
        failed = undefined;
        tell({ event: "prompt", text, session: input?.sessionID });
      } catch {}
    },
  };
};
