/** The door of the log on KurrentDB. */
export { type KurrentDbOptions, type KurrentDbStore, openKurrentDb } from './store.ts';
