/** Tasks for the tests of the pool: doubles a number, or says that it runs and never ends. */
export default function task(data: { readonly double?: number; readonly running?: Int32Array }): number {
  const { double = 0, running } = data;
  if (running === undefined) return double * 2;
  Atomics.store(running, 0, 1);
  for (;;);
}
