import { expect, it } from 'vitest';
import type { AppEvent } from '../../src-main/contract/index.ts';
import { createShowRequests } from '../../src-main/conversations/show-requests.ts';

it('tells of each request, and keeps the last one for a page that opens later, once', () => {
  const events: AppEvent[] = [];
  const requests = createShowRequests({ emit: (event) => events.push(event) });
  expect(requests.take()).toBeNull();
  requests.ask('a');
  requests.ask('b');
  expect(events).toEqual([{ type: 'conversation.requested' }, { type: 'conversation.requested' }]);
  expect(requests.take()).toBe('b');
  expect(requests.take()).toBeNull();
});
