import type { ServerResponse } from 'node:http';
import type { Refusal } from './faults.ts';
import type { Repository } from './repository.ts';

/** An answer that is an error, with the headers that clients tell errors apart by. */
export class Failure extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: string) {
    super(`status ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** With a code in `X-Error-Code` and the sentence in `X-Error-Message` and the body. */
  static coded(status: number, code: string, message: string, headers: Record<string, string> = {}): Failure {
    return new Failure(
      status,
      {
        'x-error-code': code,
        'x-error-message': message,
        'content-type': 'application/json; charset=utf-8',
        ...headers,
      },
      JSON.stringify({ error: message }),
    );
  }

  /** Without a token a missing repository looks like a private one: 401 and no code. */
  static repoNotFound(hasToken: boolean): Failure {
    if (hasToken) return Failure.coded(404, 'RepoNotFound', 'Repository not found');
    const message = 'Invalid username or password.';
    return new Failure(
      401,
      {
        'x-error-message': message,
        'www-authenticate': 'Bearer realm="Authentication required", charset="UTF-8"',
        'content-type': 'application/json; charset=utf-8',
      },
      JSON.stringify({ error: message }),
    );
  }

  static revisionNotFound(revision: string): Failure {
    return Failure.coded(404, 'RevisionNotFound', `Invalid rev id: ${revision}`);
  }

  static entryNotFound(commit?: string): Failure {
    const headers: Record<string, string> = commit === undefined ? {} : { 'x-repo-commit': commit };
    return Failure.coded(404, 'EntryNotFound', 'Entry not found', headers);
  }

  /** As object storage says it, in XML. */
  static storage(message: string): Failure {
    return new Failure(
      403,
      { 'content-type': 'application/xml' },
      `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>${message}</Message></Error>`,
    );
  }

  send(response: ServerResponse): void {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.writeHead(this.status, { ...this.headers, 'content-length': Buffer.byteLength(this.body) });
    response.end(this.body);
  }
}

/** @throws when there is a token that is none: the hub then refuses even what everyone may read */
export function checkToken(token: string | null): void {
  if (token === null || token.startsWith('hf_')) return;
  const message = 'Invalid credentials in Authorization header';
  throw new Failure(401, { 'x-error-message': message }, JSON.stringify({ error: message }));
}

/** @throws when the repository is gated and the token is none, unknown or without access */
export function mayRead(repository: Repository, token: string | null, tokens: ReadonlySet<string>): void {
  if (!repository.options.gated || (token !== null && tokens.has(token))) return;
  const { name } = repository;
  throw token === null
    ? Failure.coded(
        401,
        'GatedRepo',
        `Access to model ${name} is restricted. You must have access to it and be authenticated to access it. Please log in.`,
      )
    : Failure.coded(
        403,
        'GatedRepo',
        `Access to model ${name} is restricted and you are not in the authorized list. Visit https://huggingface.co/${name} to ask for access.`,
      );
}

export function refusalOf({ status, retryAfter, headers }: Refusal): Failure {
  const limits: Record<string, string> =
    status === 429 ? { 'ratelimit-policy': '"fixed window";"resolvers";q=3000;w=300' } : {};
  return new Failure(
    status,
    { ...limits, ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }), ...headers },
    'refused',
  );
}
