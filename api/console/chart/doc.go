// Package chart draws figures as SVG: lines, bars and sparklines. Each chart includes a table of
// its data.
//
// # Invariants
//
//   - The output contains classes and geometry but no styles: the content security policy allows no
//     inline style, and colors follow the reader's light or dark scheme.
//   - An unknown value (nil) is a gap: no line crosses it, no bar is drawn, and the table shows
//     "–".
//   - Parts that are not final yet are hatched and labeled.
//   - All text is escaped; names of pages and people may contain markup.
//   - The same chart always gives the same bytes.
//
// It may import the standard library only, and does not depend on the console.
//
// # Notes
//
//   - Text scales with the drawing. The style sheet enlarges it on phones, and the x axis has few
//     labels so that they do not overlap on phones.
//   - The axis of a line chart need not start at 0. The axis of a bar chart does, because readers
//     compare the lengths of bars.
//   - A point of the comparison period is drawn at the part that it is compared with, and names its
//     own day.
//   - Each point has a <title>. Screen readers use the table instead of hundreds of points.
package chart
