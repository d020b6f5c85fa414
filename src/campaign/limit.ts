/** Runs a task when there is room for it. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>;

/** Always has room. */
export const atOnce: Limit = (task) => task();
