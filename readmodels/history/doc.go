// Package history answers auditors: the changes to an agency's dashboards, their state at any
// moment, who had access when and by which records, and who has viewed any of this. It also adds
// names to the preview of a change.
//
// It keeps the invariants of package readmodels, which it imports, and may not import what that
// package may not.
//
// # Implementation notes
//
//   - "As of T" is resolved to a version once for the whole stream: times strictly increase with
//     versions, and every index that a history uses is by version.
//   - Names come from the agency's own directory. An account or user that moved to another agency
//     has only an id, like one that was erased.
//   - A page of a filtered history examines a limited number of entries and then ends with a
//     cursor.
//   - An export reads in batches, each in its own snapshot, up to the version of the first one.
package history
