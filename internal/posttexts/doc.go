// Package posttexts says in SQL which origin's text of a post stands first, for the answers and for the views alike.
//
// It may not import any other package of this module.
package posttexts
