import { expect, test } from 'vitest';
import { isDestinationAllowed, PURPOSES } from '../../src-main/privacy/destinations.ts';

const rules = { hosts: PURPOSES, allowLoopback: false };
const download = (url: string, allowLoopback = false) =>
  isDestinationAllowed(new URL(url), 'models.download', { ...rules, allowLoopback });

test.each([
  'https://huggingface.co/a/b/resolve/main/x.gguf',
  'https://HUGGINGFACE.co/x',
  'https://huggingface.co:443/x',
  'https://cdn-lfs.hf.co/x',
  'https://cas-bridge.xethub.hf.co/x?sig=1',
])('a download may reach %s', (url) => {
  expect(download(url)).toBe(true);
});

test.each([
  'http://huggingface.co/x',
  'https://huggingface.co:8443/x',
  'https://user:pass@huggingface.co/x',
  'https://user@huggingface.co/x',
  'https://huggingface.co.evil.example/x',
  'https://evil-huggingface.co/x',
  'https://evilhf.co/x',
  'https://hf.co/x',
  'https://.hf.co/x',
  'https://hf.co.evil.example/x',
  'https://huggingface.co./x',
  'https://xn--huggingace-1db.co/x',
  'ftp://huggingface.co/x',
  'file:///etc/passwd',
  'http://127.0.0.1/x',
  'https://localhost/x',
  'https://[::1]/x',
])('a download may not reach %s', (url) => {
  expect(download(url)).toBe(false);
});

test('a purpose reaches its own hosts only', () => {
  const url = new URL('https://cdn-lfs.hf.co/x');
  expect(isDestinationAllowed(url, 'models.search', rules)).toBe(false);
});

test('loopback for tests still needs an entry in the table and a web protocol', () => {
  expect(download('http://127.0.0.1:1234/x', true)).toBe(false);
  const hosts = { ...PURPOSES, 'models.download': ['127.0.0.1'] };
  const may = (url: string) =>
    isDestinationAllowed(new URL(url), 'models.download', { hosts, allowLoopback: true });
  expect(may('http://127.0.0.1:1234/x')).toBe(true);
  expect(may('http://localhost:1234/x')).toBe(false);
  expect(may('ws://127.0.0.1:1234/x')).toBe(false);
});

test.each([
  ['http://127.0.0.1:8080/a/b', 'http://127.0.0.1:8080', true],
  ['https://mirror.example/a/b', 'https://mirror.example', true],
  ['https://mirror.example:8443/a', 'https://mirror.example:8443', true],
  ['https://mirror.example/a', 'https://mirror.example:443', true],
  ['https://huggingface.co/a', 'https://mirror.example', true],
  ['http://127.0.0.1:8081/a/b', 'http://127.0.0.1:8080', false],
  ['https://127.0.0.1:8080/a/b', 'http://127.0.0.1:8080', false],
  ['http://mirror.example/a', 'http://mirror.example', false],
  ['https://sub.mirror.example/a', 'https://mirror.example', false],
  ['https://mirror.example.evil.example/a', 'https://mirror.example', false],
  ['https://user@mirror.example/a', 'https://mirror.example', false],
])('with the address %s and the endpoint %s a download may go: %s', (url, endpoint, expected) => {
  expect(isDestinationAllowed(new URL(url), 'models.download', { ...rules, endpoint })).toBe(expected);
});
