// Requests to our own server; the session is a cookie that scripts cannot read.
import { sentenceOf, UNREACHABLE } from "./problems.ts";
import type { Problem } from "./wire.ts";

/** The server refused; `message` says it to a person in German. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, sentence: string) {
    super(sentence);
    this.status = status;
    this.code = code;
  }
}

/** No answer came: the network or the server is away. */
export class Unreachable extends Error {
  constructor() {
    super(UNREACHABLE);
  }
}

/** How long an answer may take, in ms; the server's own statements end after 10 s. */
const PATIENCE_MS = 20_000;

interface Sent {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/**
 * The answer's body, whose shape the caller names as the API describes it.
 *
 * Throws `Refusal` for every status from 400 on, `Unreachable` where no answer came in 20 s.
 */
export async function call<T>(path: string, { method = "GET", body, signal }: Sent = {}): Promise<T> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const answer = await ask(path, {
    method,
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  try {
    // `as`: here JSON becomes what the API's description promises.
    return (answer.status === 204 ? undefined : await answer.json()) as T;
  } catch {
    throw new Unreachable();
  }
}

/** An open answer, for a stream; refusals as with `call`. */
export async function ask(path: string, request: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...request, cache: "no-store", credentials: "same-origin" });
  } catch {
    throw new Unreachable();
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer: Response): Promise<Refusal | Unreachable> {
  try {
    const problem = (await answer.json()) as Problem;
    return new Refusal(answer.status, problem.code, sentenceOf(problem.code, problem.detail, problem.instance));
  } catch {
    // A proxy's own page: the server behind it did not answer.
    return new Unreachable();
  }
}
