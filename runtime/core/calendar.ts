/**
 * Whether a date that `Date.parse` takes, beginning `YYYY-MM-DD`, is a day of the calendar: it takes
 * 30 February for 2 March.
 */
export function isCalendarDay(text: string): boolean {
  const day = Number(text.slice(8, 10));
  return (
    day <= 28 || day <= new Date(Date.UTC(+text.slice(0, 4), +text.slice(5, 7), 0)).getUTCDate()
  );
}
