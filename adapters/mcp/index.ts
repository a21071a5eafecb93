/** The door for language models: the Model Context Protocol over what is known. */
export { answerMcp, type Call } from './answer.ts';
export type { Knowledge } from './tool.ts';
