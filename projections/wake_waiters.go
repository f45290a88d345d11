package projections

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// maxPayload leaves room below PostgreSQL's limit of 8000 bytes.
const maxPayload = 7500

// queueProgress queues the notifications of a batch, which the server sends on commit. They wake
// processes that wait for the projection or for one of its keys, which progress names, and announce
// which figures changed. A generation that is not live announces no figures, because no one reads
// its tables.
func queueProgress(batch *pgx.Batch, projection string, generation int, progress string, events []fold.Event) error {
	channels, payloads := []string{pg.ProgressChannel}, []string{progress}
	figures, err := figurePayloads(events)
	if err != nil {
		return err
	}
	for _, payload := range figures {
		channels, payloads = append(channels, pg.FiguresChannel), append(payloads, payload)
	}
	batch.Queue(notifySQL+` where channel = $3 or exists (
		select from generations where projection = $4 and generation = $5 and state = 'live')`,
		channels, payloads, pg.ProgressChannel, projection, generation)
	return nil
}

// generationsOf returns the name under which [pg.Progress] reports the steps of a projection's
// generations: a rebuild was requested, a generation is to be followed, or a generation went live.
// No projection can have this name.
func generationsOf(projection string) string { return projection + ".generations" }

func notifyStep(ctx context.Context, tx pgx.Tx, projection string) error {
	return notify(ctx, tx, []string{pg.ProgressChannel}, []string{generationsOf(projection)})
}

const notifySQL = `select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as n(channel, payload)`

func notify(ctx context.Context, tx pgx.Tx, channels, payloads []string) error {
	return pg.Exec(ctx, tx, "notify progress", notifySQL, channels, payloads)
}

// streamsOf returns the streams that a batch has advanced. It returns nil, which means any stream,
// if the topic is not chained, or if a key is not a hex id and might be too long for a payload.
func streamsOf(chained bool, events []fold.Event) []string {
	if !chained {
		return nil
	}
	keys := make([]string, 0, len(events))
	for _, ev := range events {
		key := string(ev.Raw.Key)
		if id, ok := domain.HexID(key); !ok || id != key {
			return nil
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// figurePayloads returns the figures that the events change as JSON lists, each short enough for
// one NOTIFY. It includes dead letters, which change nothing but cost a listener at most one extra
// read. An erasure affects every client that had the account.
func figurePayloads(events []fold.Event) (payloads []string, err error) {
	var changes domain.FigureChanges
	for _, ev := range events {
		if _, ok := ev.Data.(domain.AccountErased); ok {
			return []string{pg.AnyFigure}, nil
		}
		change := domain.FigureChangeOf(ev.Data)
		if change == (domain.FigureChange{}) {
			continue
		}
		change.ParentAccount = cmp.Or(change.ParentAccount, ev.Key) // the key is the parent account
		changes.Add(change)
	}
	var payload []byte
	for _, change := range changes.Named() {
		raw, err := json.Marshal(change)
		if err != nil {
			return nil, fmt.Errorf("encode change of figures: %w", err)
		}
		if len(payload)+len(raw) > maxPayload {
			payloads = append(payloads, string(append(payload, ']')))
			payload = nil
		}
		separator := byte(',')
		if payload == nil {
			separator = '['
		}
		payload = append(append(payload, separator), raw...)
	}
	if payload != nil {
		payloads = append(payloads, string(append(payload, ']')))
	}
	return payloads, nil
}
