/**
 * What a notice says, by template.
 */

export interface NoticeFields {
  readonly template: string;
  readonly counterparty: string;
  readonly amount: string;
  readonly currency: string;
}

interface NoticeText {
  readonly title: string;
  readonly text: string;
}

const templates: Readonly<Record<string, (fields: NoticeFields) => NoticeText>> = {
  transfer_completed: ({ amount, currency, counterparty }) => ({
    title: 'Transfer completed',
    text: `${amount} ${currency} was transferred to ${counterparty}.`,
  }),
};

/** A template that this version does not know still says that something happened. */
export function noticeText(fields: NoticeFields): NoticeText {
  const template = Object.hasOwn(templates, fields.template) ? templates[fields.template] : undefined;
  return template?.(fields) ?? { title: 'Notice', text: fields.template };
}
