/** A read store that dies: after so many statements it answers nothing more. */
import { type Queryable, type ReadStore, RuntimeError } from '#runtime';

export function mortal(store: ReadStore, statements: number): ReadStore {
  let left = statements;
  const alive = <T>(work: () => Promise<T>): Promise<T> => {
    left -= 1;
    if (left >= 0) return work();
    return Promise.reject(new RuntimeError('READ_STORE_UNAVAILABLE', 'it is dead'));
  };
  const mortalQueries = (queryable: Queryable): Queryable => ({
    query: (sql, params) => alive(() => queryable.query(sql, params)),
  });
  return {
    ...mortalQueries(store),
    copy: (target, lines) => alive(() => store.copy(target, lines)),
    transaction: (work, options) => store.transaction((tx) => work(mortalQueries(tx)), options),
    lock: (name) => store.lock(name),
    close: () => store.close(),
  };
}
