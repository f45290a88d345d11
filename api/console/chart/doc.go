// Package chart draws the figures of pages as SVG: lines, bars and sparklines, each chart with the table behind it.
//
// # Invariants
//
//   - Only classes and geometry are written, never a style: the pages' policy allows no inline style, and colours follow the
//     reader's light or dark scheme.
//   - A value that is not known (nil) is a gap: no line crosses it, no bar stands at it, and the table says so.
//   - Parts that are not final yet are hatched and named as such.
//   - Every text is escaped; names of pages and people may be markup.
//   - The same chart gives the same bytes.
//
// It may import the standard library only, and knows nothing of the console.
//
// # Non-obvious
//
//   - Texts inside of a drawing are as wide as the drawing: the style sheet makes them larger on a phone, and labels of the x axis are few, so
//     that they do not meet there.
//   - A line's axis need not begin at 0, a bar's does: the length of a bar is read.
//   - A point of the period before stands at the part that it is compared with, and says its own day.
//   - Each point has its name as a <title>; screen readers are given the table instead of some hundred points.
package chart
