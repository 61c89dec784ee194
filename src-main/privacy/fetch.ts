import type { OutboundRequest } from './outbound.ts';
import type { Privacy } from './privacy.ts';

/** What a library may be handed to reach the network with. */
export type Fetch = typeof globalThis.fetch;

/** Statuses whose answers have no body: `Response` refuses one for them. */
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * A `fetch` for libraries that want one; every request goes through {@link Privacy.request} with these options.
 * It knows what the Hub's official client uses: GET, HEAD and POST with a text body.
 * @throws (from the function) what `Privacy.request` throws; TypeError for another kind of request
 */
export function createFetch(
  privacy: Pick<Privacy, 'request'>,
  options: Pick<OutboundRequest, 'purpose' | 'mayPassOffline' | 'maxBytes' | 'signal'>,
): Fetch {
  return async (input, init = {}) => {
    const url = input instanceof Request ? input.url : String(input);
    const method = init.method ?? 'GET';
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') throw new TypeError(`method ${method}`);
    const { body = null } = init;
    if (body !== null && typeof body !== 'string') throw new TypeError('only text is sent');
    const answer = await privacy.request({
      ...options,
      url,
      method,
      headers: Object.fromEntries(new Headers(init.headers)),
      signal: init.signal ?? options.signal,
      ...(body === null ? {} : { body }),
    });
    const headers = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of [value ?? []].flat()) headers.append(name, one);
    }
    const isEmpty = method === 'HEAD' || WITHOUT_BODY.has(answer.status);
    if (isEmpty) await answer.cancel();
    const response = new Response(isEmpty ? null : streamOf(answer.body), {
      status: answer.status,
      headers,
    });
    // A made Response has no address of its own; the official client reads it.
    return Object.defineProperty(response, 'url', { value: answer.url });
  };
}

function streamOf(body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}
