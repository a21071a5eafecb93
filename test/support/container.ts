/** Whether a container engine is there; what needs one names itself as not run elsewhere. */
import { getContainerRuntimeClient } from 'testcontainers';

export async function hasEngineFor(image: string): Promise<boolean> {
  try {
    await getContainerRuntimeClient();
    return true;
  } catch (thrown) {
    console.log(`NOT RUN on ${image}: no container engine answers (${(thrown as Error).message})`);
    return false;
  }
}
