import { ErrorEvent, ORPCError } from '@orpc/server';
import type { RPCHandlerOptions } from '@orpc/server/message-port';
import { appError, isAppError, type AppError } from './contract/index.ts';

type Options = RPCHandlerOptions<Record<never, never>>;

/**
 * Options for every RPC handler behind `guardChannel`: what goes wrong reaches the client as a typed error
 * of the contract without stack or input, and nothing that a client can cause leaves a rejection unhandled
 * (the adapter drops the promise of each frame).
 * @param onUnexpected told of errors that are not of the contract; for a redacted log
 */
export function typedEdge(
  onUnexpected: (error: unknown) => void = () => {},
): Pick<Options, 'clientInterceptors' | 'interceptors' | 'rootInterceptors'> {
  return {
    clientInterceptors: [
      async ({ next }) => {
        try {
          return await next();
        } catch (error) {
          throw typedError(error, onUnexpected);
        }
      },
    ],
    interceptors: [
      async ({ next }) => {
        try {
          return await next();
        } catch (error) {
          // The call's own errors are typed by now: a TypeError is the decoder's on a body it cannot read.
          throw error instanceof TypeError ? appError('invalid_input') : typedError(error, onUnexpected);
        }
      },
    ],
    rootInterceptors: [
      async ({ next }) => {
        try {
          const result = await next();
          if (!result.matched) return errorResponse(appError('invalid_input'));
          const { body } = result.response;
          if (!isAsyncIterator(body)) return result;
          return { matched: true, response: { ...result.response, body: contain(body, onUnexpected) } };
        } catch (error) {
          return errorResponse(typedError(error, onUnexpected));
        }
      },
    ],
  };
}

/** The contract's error for anything thrown behind the edge. */
function typedError(error: unknown, onUnexpected: (error: unknown) => void): AppError {
  if (isAppError(error)) return error;
  // oRPC's own code for input that the schema refused; its issues quote the input and stay here.
  if (error instanceof ORPCError && error.code === 'BAD_REQUEST') return appError('invalid_input');
  if (error instanceof Error && error.name === 'AbortError') return appError('aborted');
  onUnexpected(error);
  return appError('internal');
}

function errorResponse(error: AppError) {
  const body = { json: error.toJSON() };
  return { matched: true as const, response: { status: error.status, headers: {}, body } };
}

/** A stream whose errors are all typed and whose end cannot fail. */
async function* contain(
  source: AsyncIterator<unknown>,
  onUnexpected: (error: unknown) => void,
): AsyncGenerator<unknown, unknown, void> {
  let ended = false;
  try {
    while (true) {
      const { done, value } = await source.next();
      if (done) {
        ended = true;
        return value;
      }
      yield value;
    }
  } catch (error) {
    ended = true;
    throw new ErrorEvent({ data: { json: typedStreamError(error, onUnexpected).toJSON() }, cause: error });
  } finally {
    // The client has gone or has had the error: a failing clean-up is told to the log alone.
    if (!ended) await source.return?.().catch(onUnexpected);
  }
}

/** The serializer hands every error over as an event; what it made of the error is under `cause`. */
function typedStreamError(error: unknown, onUnexpected: (error: unknown) => void): AppError {
  return typedError(error instanceof ErrorEvent ? error.cause : error, onUnexpected);
}

function isAsyncIterator(value: unknown): value is AsyncIterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value && Symbol.asyncIterator in value;
}
