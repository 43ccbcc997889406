/** Strings are as fast in a process that talks to Redis as in one that does not. */
import { execFileSync } from 'node:child_process';
import t from 'tap';

const connection = new URL('../../../persistence/redis/redis-connection.js', import.meta.url).href;

/** Whether V8 keeps the methods of strings where it can inline them, in a process that has imported a module. */
function isFastAfter(module: string): boolean {
  const script = `await import(${JSON.stringify(module)}); console.log(%HasFastProperties(String.prototype));`;
  const args = ['--allow-natives-syntax', '--input-type=module', '--eval', script];
  return execFileSync(process.execPath, args, { encoding: 'utf8' }).trim() === 'true';
}

t.test('the driver leaves the prototype of strings fast, which ioredis makes slow', (t) => {
  t.equal(isFastAfter(import.meta.resolve('ioredis')), false, 'else `string-prototype.ts` has had its day');
  t.equal(isFastAfter(connection), true);
  t.end();
});
