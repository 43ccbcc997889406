/** The task that does nothing; see `wake` in offload.ts. */
export default function nothing(): void {}
