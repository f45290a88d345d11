package projectors

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/write"
)

// Contents projects topic `contents` into post_contents, what each origin last said of a post, and erased_contents. Of the records
// of a key the one with the latest time counts, and of one time the first; a tombstone stands before content of its time. What was said of
// an account's posts before the instant of its erasure does not count.
type Contents struct{}

// Name implements [fold.Projector].
func (Contents) Name() string { return "contents" }

// Version implements [fold.Projector].
func (Contents) Version() int { return 5 + ahead }

// Topic implements [fold.Projector].
func (Contents) Topic() string { return domain.TopicContents }

// Tables implements [fold.Projector].
func (Contents) Tables() []string { return []string{"post_contents"} }

var (
	_ fold.Uncompared = Contents{}
	_ fold.Compacted  = Contents{}
)

// Uncompared implements [fold.Uncompared]: the log forgets tombstones and earlier erasures, and the tables do not.
func (Contents) Uncompared() []string { return []string{"erased_contents", "content_erasures"} }

// Types implements [fold.Projector]: all of the topic.
func (Contents) Types() []string { return nil }

// Definition implements [fold.Projector].
func (p Contents) Definition() ddl.Definition { return ddl.All()[p.Name()] }

// Begin implements [fold.Projector].
func (Contents) Begin(int) fold.Fold {
	return &contentFold{said: map[contentKey]*said{}, erased: map[int32]erasures{}, over: map[partAccount]covering{}}
}

// contentKey is the key of a row.
type contentKey struct {
	domain.PostRef
	origin domain.PostOrigin
}

func (k contentKey) values() []any {
	return []any{k.ParentAccount, k.SocialAccount, k.ExternalID, string(k.origin)}
}

// said is what counts of a key.
type said struct {
	at      time.Time
	account string           // client under whom it was said; "" when it is erased
	texts   domain.PostTexts // nothing when it is erased
	erased  bool
	covered bool // a record that does not count lies over it in the log
	changed bool

	partition int32 // of the key
}

type contentFold struct {
	said   map[contentKey]*said
	erased map[int32]erasures       // by partition
	raised []partErased             // erasures that reach further than the one before, as they come
	over   map[partAccount]covering // of erasures
}

// Apply implements [fold.Fold].
func (f *contentFold) Apply(ev fold.Event) error {
	if ev.Err != nil {
		return ev.Err
	}
	if isHeartbeat(ev) {
		return nil
	}
	if erased, ok := ev.Data.(domain.AccountErased); ok {
		return f.erase(ev, erased)
	}
	post, origin, err := domain.SplitContentKey(ev.Key)
	if err != nil {
		return &fold.ParkError{Reason: fold.ReasonRefused, Detail: err.Error()}
	}
	content, ok := ev.Data.(domain.PostContent)
	if ev.Data != nil && (!ok || content.Key() != ev.Key) {
		return &fold.ParkError{Reason: fold.ReasonRefused, Detail: fmt.Sprintf("payload of type %s is not the content that key %q names", ev.Envelope.Type, ev.Key)}
	}
	f.hear(contentKey{post, origin}, said{at: instant(ev.Envelope.Time), account: content.AccountID, texts: content.PostTexts, erased: ev.Data == nil, changed: true, partition: ev.Raw.Partition})
	return nil
}

// hear lets the later of two records count. The one that counts may come again, over one that did not: then nothing covers it any more.
func (f *contentFold) hear(key contentKey, now said) {
	before, known := f.said[key]
	if known {
		before.partition = now.partition
	}
	switch {
	case !known, domain.CompactedRecord{At: now.at, Erased: now.erased}.Replaces(domain.CompactedRecord{At: before.at, Erased: before.erased}):
		f.said[key] = &now
	default:
		covered := now.at.Before(before.at) || now.erased != before.erased || now.texts != before.texts || now.account != before.account
		if covered != before.covered {
			before.covered, before.changed = covered, true
		}
	}
	f.overrule(key, f.said[key])
}

// Load implements [fold.Fold].
func (f *contentFold) Load(first *pgx.Batch, events []fold.Event) {
	f.queueErasures(first, events)
	var keys []contentKey
	asked := map[string]bool{}
	for _, ev := range events {
		if asked[ev.Key] {
			continue
		}
		asked[ev.Key] = true
		if post, origin, err := domain.SplitContentKey(ev.Key); err == nil {
			keys = append(keys, contentKey{post, origin})
		}
	}
	if len(keys) == 0 {
		return
	}
	first.Queue(`
		with k as (select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) as k(parent_account, social_account_id, external_id, origin))
		select parent_account, social_account_id, external_id, origin, told_at, false, covered, account_id,
		       coalesce(content, ''), coalesce(media_url, ''), coalesce(permalink, ''), log_partition
		from k join post_contents using (parent_account, social_account_id, external_id, origin)
		union all
		select parent_account, social_account_id, external_id, origin, erased_at, true, covered, '', '', '', '', 0
		from k join erased_contents using (parent_account, social_account_id, external_id, origin)`,
		write.Arrays(keys, contentKey.values)...).Query(f.scan)
}

// LoadMore implements [fold.Fold].
func (*contentFold) LoadMore(context.Context, pgx.Tx, []fold.Event) error { return nil }

func (f *contentFold) scan(rows pgx.Rows) error {
	for rows.Next() {
		var k contentKey
		var s said
		err := rows.Scan(&k.ParentAccount, &k.SocialAccount, &k.ExternalID, &k.origin, &s.at, &s.erased, &s.covered, &s.account,
			&s.texts.Content, &s.texts.MediaURL, &s.texts.Permalink, &s.partition)
		if err != nil {
			return fmt.Errorf("scan content: %w", err)
		}
		f.said[k] = &s
	}
	return rows.Err()
}

// saidOf is what counts of a key, as it is written.
type saidOf struct {
	contentKey
	*said
}

const contentKeyColumns = "parent_account, social_account_id, external_id, origin"

var contentsTable = write.NewTable("post_contents",
	`parent_account text, social_account_id bigint, external_id text, origin text, account_id text, content text, media_url text, permalink text,
	 told_at timestamptz, covered boolean, log_partition integer`,
	write.ReplaceRow(contentKeyColumns, ""),
	func(s saidOf) []any {
		return append(s.values(), s.account,
			nullIfZero(s.texts.Content), nullIfZero(s.texts.MediaURL), nullIfZero(s.texts.Permalink), s.at, s.covered, s.partition)
	})

var erasedTable = write.NewTable("erased_contents",
	`parent_account text, social_account_id bigint, external_id text, origin text, erased_at timestamptz, covered boolean`,
	write.ReplaceRow(contentKeyColumns, ""),
	func(s saidOf) []any { return append(s.values(), s.at, s.covered) })

// Write implements [fold.Fold]. A key has a row in one of the tables.
func (f *contentFold) Write(_ context.Context, _ pgx.Tx, last *pgx.Batch) error {
	f.queueErased(last)
	contents, erased := f.changed()
	contentsTable.Queue(last, contents)
	erasedTable.Queue(last, erased)
	for table, gone := range map[string][]saidOf{"post_contents": erased, "erased_contents": contents} {
		if len(gone) > 0 {
			last.Queue(`
				delete from `+table+` t using unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
					as k(parent_account, social_account_id, external_id, origin)
				where (t.parent_account, t.social_account_id, t.external_id, t.origin)
				    = (k.parent_account, k.social_account_id, k.external_id, k.origin)`,
				write.Arrays(gone, func(s saidOf) []any { return s.values() })...)
		}
	}
	return nil
}

// changed are the rows of both tables, in the order of their keys.
func (f *contentFold) changed() (contents, erased []saidOf) {
	for key, s := range f.said {
		switch {
		case !s.changed:
		case s.erased:
			erased = append(erased, saidOf{key, s})
		default:
			contents = append(contents, saidOf{key, s})
		}
	}
	slices.SortFunc(contents, saidOf.compare)
	slices.SortFunc(erased, saidOf.compare)
	return contents, erased
}

func (s saidOf) compare(other saidOf) int {
	return cmp.Or(cmp.Compare(s.ParentAccount, other.ParentAccount), cmp.Compare(s.SocialAccount, other.SocialAccount),
		cmp.Compare(s.ExternalID, other.ExternalID), cmp.Compare(s.origin, other.origin))
}

var _ fold.Bulk = (*contentFold)(nil)

// Take implements [fold.Bulk]. Any record may replace what was said, so that all rows come at the end.
func (f *contentFold) Take(last bool) (fold.Handover, error) {
	if !last {
		return fold.HandNothing, nil
	}
	contents, erased := f.changed()
	return func(ctx context.Context, into write.CopyTarget) error {
		if err := write.CopyRows(ctx, into, contentsTable, slices.Values(contents)); err != nil {
			return err
		}
		if err := write.CopyRows(ctx, into, erasedTable, slices.Values(erased)); err != nil {
			return err
		}
		return write.CopyRows(ctx, into, contentErasures, slices.Values(f.erasedAccounts()))
	}, nil
}

// LogKey implements [fold.Compacted].
func (Contents) LogKey(table string, row map[string]string) (key string, made bool) {
	if table != "post_contents" {
		return "", false
	}
	social, err := strconv.ParseInt(row["social_account_id"], 10, 64)
	post := domain.PostRef{ParentAccount: row["parent_account"], SocialAccount: social, ExternalID: row["external_id"]}
	return post.ContentKey(domain.PostOrigin(row["origin"])), err == nil
}
