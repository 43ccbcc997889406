/** Tables as the admin commands print them. */
import t from 'tap';
import { type Column, tableText } from '../../../ops/admin/text-table.js';

const columns: readonly Column[] = [
  { title: 'ID', text: ({ id }) => id },
  { title: 'COUNT', text: ({ count }) => String(count), align: 'right' },
];

t.test('columns are as wide as what stands in them, numbers to the right', async (t) => {
  const items = [
    { id: 'a', count: 12 },
    { id: 'long-one', count: 1_234_567 },
  ];
  t.equal(tableText(items, columns), 'ID          COUNT\na              12\nlong-one  1234567');
});

t.test('hundreds of thousands of rows make a table', async (t) => {
  const items = Array.from({ length: 200_000 }, (_, count) => ({ id: 'a', count }));
  const text = tableText(items, columns);
  t.ok(text.endsWith('\na   199999'));
});
