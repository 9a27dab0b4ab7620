const RULES = new Intl.PluralRules('ru')

/** `1 канал`, `2 канала`, `5 каналов` */
export function plural(count: number, one: string, few: string, many: string): string {
  const rule = RULES.select(count)
  return `${count} ${rule === 'one' ? one : rule === 'few' ? few : many}`
}
