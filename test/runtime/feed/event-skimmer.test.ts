/** What is taken from an entry's bytes is what its records say when they are read. */
import fc from 'fast-check';
import t from 'tap';
import { pack } from '../../../actors/model/codec.js';
import { EntryReader, EntryWriter, noHash } from '../../../persistence/entry.js';
import {
  causeCommand,
  causeGroupMail,
  causeMessage,
  causeTimer,
  eventCount,
} from '../../../runtime/commit/record.js';
import { readRecords } from '../../../runtime/commit/record-reader.js';
import { correlationOf } from '../../../runtime/feed/event-filter.js';
import { skimEvents } from '../../../runtime/feed/event-skimmer.js';

function entryOf(records: readonly unknown[]): EntryReader {
  return entryOfBytes(records.map((record) => Buffer.from(pack(record))));
}

function entryOfBytes(records: readonly Uint8Array[]): EntryReader {
  const writer = new EntryWriter();
  for (const record of records) writer.add(1, 1, record);
  const header = { partition: 0, epoch: 1, position: 1, previousHash: noHash, time: 1, group: 1 };
  return new EntryReader(writer.finish({ ...header, siblings: [], watermarks: [] }));
}

function skimmed(entry: EntryReader) {
  const schemas: number[] = [];
  const correlations: string[] = [];
  skimEvents(entry, { schema: (id) => schemas.push(id), correlation: (id) => correlations.push(id) });
  return { schemas, correlations: new Set(correlations), told: correlations.length };
}

function read(entry: EntryReader) {
  const withEvents = readRecords(entry).filter((record) => eventCount(record) > 0);
  return {
    schemas: withEvents.flatMap(({ 8: events }) => (events as unknown[]).filter((_, at) => at % 2 === 0)),
    correlations: new Set(withEvents.map(correlationOf)),
  };
}

const count = fc.nat({ max: 70_000 });
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary', minLength: 20, maxLength: 60 }));
const fields = fc.array(
  fc.oneof(
    text,
    fc.integer(),
    fc.double(),
    fc.bigInt({ min: 0n, max: 2n ** 63n }),
    fc.constant([[], { a: 1 }]),
  ),
  { maxLength: 20 },
);
const cause = fc.oneof(
  fc.tuple(fc.constant(causeCommand), text, fc.oneof(fc.constant(0), text)),
  fc.tuple(fc.constant(causeCommand), text, text, count),
  fc.tuple(fc.constantFrom(causeMessage, causeGroupMail), count, count, count),
  fc.tuple(fc.constant(causeTimer), text, fc.nat()),
);
const mail = fc.tuple(fc.constant(causeGroupMail), count, count, count);
const orNone = <Value>(value: fc.Arbitrary<Value>) => fc.oneof(fc.constant(0 as const), value);
const trail = fc.tuple(orNone(text), orNone(text), text, orNone(text));
const events = orNone(
  fc.array(fc.tuple(count, fields), { minLength: 1, maxLength: 20 }).map((list) => list.flat(1)),
);
/** `earlier` picks which record before it a later one refers to, where there is one. */
const record = fc.record({
  ...{ kind: count, id: text, version: fc.nat(), position: fc.nat(), offset: fc.nat(), cause, mail, trail },
  ...{ outcome: orNone(fields), events, messages: orNone(fields), timers: orNone(fields) },
  ...{ letter: fc.boolean(), earlier: fc.nat(), hasId: fc.boolean(), hasTrail: fc.boolean() },
});

t.test('the same schemas and correlations, whatever the records', async (t) => {
  let references = 0;
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (parts) => {
      const entry = entryOf(
        parts.map((part, index) => {
          const first = index === 0 ? 0 : part.earlier % index;
          const refers = index > 0 && !part.hasTrail;
          if (refers) references++;
          const id = index === 0 || part.hasId ? part.id : first;
          return [
            ...[part.kind, id, part.version, part.position, part.offset],
            ...(refers ? [part.mail, first] : [part.cause, part.trail]),
            ...[part.outcome, part.events, part.messages, part.timers],
            ...(part.letter ? [[1, 2, 3, 'x']] : []),
          ];
        }),
      );
      const { schemas, correlations } = skimmed(entry);
      t.same({ schemas, correlations }, read(entry));
    }),
    { numRuns: 500 },
  );
  t.ok(references > 300, 'some refer to others');
});

t.test('a trail is told once, and only when it has events', async (t) => {
  const command = [1, 'a', 0, 0, 0, [causeCommand, 'c-1', 'f'], [0, 0, 'p', 0], 0, 0, 0, 0];
  const follower = [1, 0, 0, 0, 0, [causeGroupMail, 0, 1, 0], 0, 0, [7, [1]], 0, 0];
  const { told, correlations } = skimmed(entryOf([command, follower, follower]));
  t.same([...correlations], ['c-1']);
  t.equal(told, 1);
  t.equal(skimmed(entryOf([command])).told, 0);
});

t.test('a record that is cut off before its events end is refused, wherever', async (t) => {
  const events = [7, ['some text', 5], 300, [1.5]];
  const whole = Buffer.from(
    pack([1, 'a', 0, 0, 0, [causeCommand, 'c', 0], ['r', 0, 'p', 0], 0, events, 0, 0]),
  );
  // Behind the events stand two bytes.
  for (let length = 1; length < whole.length - 2; length++)
    t.throws(
      () => skimmed(entryOfBytes([whole.subarray(0, length)])),
      { code: /-damaged$/ },
      `after ${length}`,
    );
  t.same(skimmed(entryOfBytes([whole])).schemas, [7, 300]);
});

t.test('records that are none are refused', async (t) => {
  const good: unknown[] = [1, 'a', 0, 0, 0, [causeCommand, 'c', 0], ['r', 0, 'p', 0], 0, [7, [1]], 0, 0];
  const changed = (index: number, value: unknown) => good.with(index, value);
  for (const bad of [changed(6, 0), changed(6, 1), changed(6, 'x'), changed(8, ['x', 1]), good.slice(0, 8)])
    t.throws(() => skimEvents(entryOf([bad]), { schema: () => {}, correlation: () => {} }), {
      code: /^(?:bytes|journal)-damaged$/,
    });
});
