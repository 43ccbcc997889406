/** Values to be packed: lists and objects of these, and of one another, some with more than fifteen items, which are packed otherwise. */
import fc from 'fast-check';

export function treesOf(scalar: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('tree'), { maxLength: 20 }),
      fc.dictionary(fc.string(), tie('tree'), { noNullPrototype: true, maxKeys: 17 }),
    ),
  }));
  return tree;
}
