import type { Settings } from '../../src-main/contract/index.ts';

/** Host that searches and downloads connect to first: the hub's, or that of a mirror. */
export function hubHost({ hubEndpoint }: Pick<Settings, 'hubEndpoint'>): string {
  return URL.parse(hubEndpoint)?.host ?? hubEndpoint;
}
