export * from './contract.ts';
export * from './context.ts';
export * from './entities.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './hub.ts';
export * from './presets.ts';
export * from './history.ts';
export { ReplayChange } from './tree.ts';
