/** The door of the machine's own time and chance. */
export { systemClock } from './clock.ts';
export { systemIds } from './ids.ts';
