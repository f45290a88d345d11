// Package chart draws figures as SVG: line charts, bar charts and sparklines. Line and bar charts
// include a table of their data.
//
// # Invariants
//
//   - The output contains classes and geometry but no styles: the content security policy allows no
//     inline styles, and colors follow the reader's light or dark scheme.
//   - An unknown value (nil) is a gap: no line crosses it, no bar is drawn, and the table shows
//     "–".
//   - Parts that are not final yet are hatched and labeled.
//   - All text is escaped; names of pages and people may contain markup.
//   - The same chart always gives the same bytes.
//
// The package imports only the standard library.
//
// # Notes
//
//   - Text scales with the drawing. The style sheet enlarges it on phones, and the x axis has few
//     labels so that they do not overlap on phones.
//   - The value axis of a bar chart always includes 0, because readers compare the lengths of bars.
//     That of a line chart need not include it.
//   - A point of the comparison period is drawn at the part that it is compared with. Its title
//     names the point's actual day.
//   - Each point has a <title> element. Screen readers use the table instead of hundreds of points.
package chart
