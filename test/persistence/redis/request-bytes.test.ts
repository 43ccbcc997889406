/** What goes over the wire is what ioredis itself would send. */
import fc from 'fast-check';
import { Command } from 'ioredis';
import t from 'tap';
import { requestBytes } from '../../../persistence/redis/request-bytes.js';

const argument = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
);

const command = fc.constantFrom('FCALL', 'XRANGE', 'MGET', 'INFO');

t.test('any arguments are sent as ioredis sends them', async (t) => {
  const outcome = fc.check(
    fc.property(command, fc.array(argument, { maxLength: 40 }), (name, args) => {
      const wanted = new Command(name, args).toWritable({});
      return Buffer.from(wanted).equals(requestBytes(name, args));
    }),
    { numRuns: 500 },
  );
  t.notOk(outcome.failed, fc.defaultReportMessage(outcome) ?? `${outcome.numRuns} runs`);
});
