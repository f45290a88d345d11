package projectors

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Contents projects topic `contents` into post_contents, the last content of each post and origin.
// The last record of a key counts; a tombstone deletes the row.
var Contents = fold.Projector{
	Name: "contents", Version: 6 + ahead, Topic: domain.TopicContents, Tables: []string{"post_contents"},
	Definition: ddl.Of("contents"),
	Begin:      func(int) fold.Fold { return &contentFold{last: map[contentKey]contentState{}} },
}

type contentKey struct {
	domain.PostRef
	origin domain.PostOrigin
}

func (c contentKey) values() []any {
	return []any{c.ParentAccount, c.SocialAccount, c.ExternalID, string(c.origin)}
}

func (c contentKey) compare(other contentKey) int {
	return cmp.Or(cmp.Compare(c.ParentAccount, other.ParentAccount), cmp.Compare(c.SocialAccount, other.SocialAccount),
		cmp.Compare(c.ExternalID, other.ExternalID), cmp.Compare(c.origin, other.origin))
}

type contentState struct {
	contentKey
	at     time.Time
	client string // the client that the content was sent for
	texts  domain.PostTexts
	erased bool
}

type contentFold struct {
	loadsNothing // no row depends on a stored one

	last map[contentKey]contentState
}

func (c *contentFold) Apply(ev fold.Event) error {
	post, origin, err := domain.SplitContentKey(ev.Key)
	if err != nil {
		return errWrongKey
	}
	content, ok := ev.Data.(domain.PostContent)
	if ev.Data != nil && (!ok || content.Key() != ev.Key) {
		return errWrongKey
	}
	key := contentKey{post, origin}
	c.last[key] = contentState{
		contentKey: key, at: instant(ev.Envelope.Time), client: content.AccountID,
		texts: content.PostTexts, erased: ev.Data == nil,
	}
	return nil
}

const contentKeyColumns = "parent_account, social_account_id, external_id, origin"

var contentsTable = write.NewTable("post_contents",
	`parent_account text, social_account_id bigint, external_id text, origin text, account_id text,
	 content text, media_url text, permalink text, told_at timestamptz`,
	write.ReplaceRow(contentKeyColumns, ""),
	func(s contentState) []any {
		return append(s.values(), s.client,
			nullIfZero(s.texts.Content), nullIfZero(s.texts.MediaURL), nullIfZero(s.texts.Permalink), s.at)
	})

// Write implements [fold.Fold]. A later record may replace any earlier one.
func (c *contentFold) Write(into write.Sink, last bool) error {
	if !last {
		return nil
	}
	var rows, erased []contentState
	for _, key := range slices.SortedFunc(maps.Keys(c.last), contentKey.compare) {
		if state := c.last[key]; state.erased {
			erased = append(erased, state)
		} else {
			rows = append(rows, state)
		}
	}
	contentsTable.Write(into, rows)
	if len(erased) > 0 {
		into.Exec(`
			delete from post_contents t
			using unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) as k(`+contentKeyColumns+`)
			where (t.parent_account, t.social_account_id, t.external_id, t.origin)
			    = (k.parent_account, k.social_account_id, k.external_id, k.origin)`,
			write.Arrays(erased, func(s contentState) []any { return s.values() })...)
	}
	return nil
}
