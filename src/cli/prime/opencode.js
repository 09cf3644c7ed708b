// Adds what `wtmag prime` prints to the system prompt. Runs it when a session starts and after its context was compacted.
import { execFile } from "node:child_process";

function prime(cwd) {
  const options = { cwd, timeout: 10_000 };
  return new Promise((done) => {
    execFile("wtmag", ["prime", "--if-any"], options, (_error, stdout) => done(String(stdout ?? "").trim()));
  });
}

export const WtmagPrime = async ({ directory }) => {
  let text = prime(directory);
  return {
    event: async ({ event }) => {
      if (event?.type === "session.created" || event?.type === "session.compacted") text = prime(directory);
    },
    "experimental.chat.system.transform": async (_input, output) => {
      const now = await text;
      if (now) output?.system?.push(now);
    },
  };
};
