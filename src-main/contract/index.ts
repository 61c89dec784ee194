export * from './adapters.ts';
export * from './contract.ts';
export * from './entities.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './hub.ts';
