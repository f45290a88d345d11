// Package history answers queries of auditors: how an agency's dashboards changed, what their state
// was at any moment, who had access when, which records decided this, and who has viewed the
// history. It also adds names to the preview of a change.
//
// It keeps the invariants of package readmodels, which it imports, and has the same import
// restrictions.
//
// # Implementation notes
//
//   - "As of T" is resolved to a version once for the whole stream: times strictly increase with
//     versions, and the indexes that a history uses are by version.
//   - Names come from the agency's own directory. An account or user that moved to another agency
//     has only an id, like one that was erased.
//   - A page of a filtered history examines a limited number of entries and then ends with a
//     cursor.
//   - All pages of a list show the prefix of the stream that the first one showed. An export is the
//     pages of a list, each in its own snapshot.
package history
