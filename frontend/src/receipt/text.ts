/** The words of the receipt page, which is a file of its own: it carries no more than it shows. */

const en = {
  title: 'Check a payment’s receipt',
  about:
    'This page is one file and needs no network: nothing that you give it leaves this computer. It checks by itself that the payment’s secret is the right one, that the payee signed the invoice, and that the ledger recorded the payment and signed that record.',
  file: 'Receipt file',
  key: 'Key of the ledger, if you know it from elsewhere',
  keyHint: '64 characters; empty: the receipt is taken at its word',
  keyWrong: 'This is no key: 64 characters, digits and a to f.',
  notJson: 'This file is no receipt.',
  good: 'The receipt is good',
  bad: 'This receipt proves nothing. Do not accept it',
  sent: 'Paid by the owner of the ledger',
  received: 'Received by the owner of the ledger',
  kind: 'What it is',
  amount: 'Amount',
  fee: 'Fee, beside it',
  payee: 'Payee, by the invoice’s signature',
  payeeUnsigned: 'Payee, by the ledger (there was no invoice)',
  description: 'What for',
  hash: 'Payment hash',
  preimage: 'The payment’s secret (preimage)',
  signedAt: 'Signed by the ledger',
  block: 'Block',
  ledgerKey: 'Key of the ledger',
  keyMatches: 'the one that you gave',
  keyUnknown: 'as the receipt says; compare it with what its owner tells you elsewhere',
  meaning:
    'It shows that whoever was paid gave the secret out, which is done only when the money has come, and that this ledger recorded it. It does not show who you are talking to.',
}

export type ReceiptText = typeof en

const ru: ReceiptText = {
  title: 'Проверка квитанции о платеже',
  about:
    'Эта страница — один файл, и сеть ей не нужна: ничего из того, что вы ей дадите, не покинет этот компьютер. Она сама проверяет, что секрет платежа верен, что получатель подписал счёт, что реестр записал платёж и подписал эту запись.',
  file: 'Файл квитанции',
  key: 'Ключ реестра, если вы знаете его из другого источника',
  keyHint: '64 знака; пусто: квитанции верят на слово',
  keyWrong: 'Это не ключ: 64 знака, цифры и буквы от a до f.',
  notJson: 'Этот файл — не квитанция.',
  good: 'Квитанция верна',
  bad: 'Эта квитанция ничего не доказывает. Не принимайте её',
  sent: 'Оплачено владельцем реестра',
  received: 'Получено владельцем реестра',
  kind: 'Что это',
  amount: 'Сумма',
  fee: 'Комиссия сверх неё',
  payee: 'Получатель, по подписи на счёте',
  payeeUnsigned: 'Получатель, по реестру (счёта не было)',
  description: 'За что',
  hash: 'Хеш платежа',
  preimage: 'Секрет платежа (preimage)',
  signedAt: 'Подписано реестром',
  block: 'Блок',
  ledgerKey: 'Ключ реестра',
  keyMatches: 'тот, что вы дали',
  keyUnknown: 'со слов квитанции; сравните его с тем, что его владелец говорит вам в другом месте',
  meaning:
    'Это показывает, что получатель раскрыл секрет, а это делают, только когда деньги пришли, и что этот реестр записал это. С кем вы говорите, это не показывает.',
}

export const receiptText = (language: string): ReceiptText => (language.startsWith('ru') ? ru : en)
