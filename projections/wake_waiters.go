package projections

import (
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

// queueProgress wakes those who wait for the projection, or for keys of it, when the transaction commits,
// and tells listeners which figures moved. A projection that is not live tells nothing: nobody reads its tables.
func queueProgress(batch *pgx.Batch, projection string, g generation, state fold.Fold, events []fold.Event) error {
	channels, payloads := []string{pg.ProgressChannel}, []string{pg.ProgressPayload(projection, streamsOf(state, events))}
	if g.State == StateLive {
		told, err := figurePayloads(figureChanges(events))
		if err != nil {
			return err
		}
		if slices.ContainsFunc(events, isErasure) {
			told = []string{pg.AnyFigure}
		}
		for _, payload := range told {
			channels, payloads = append(channels, pg.FiguresChannel), append(payloads, payload)
		}
	}
	batch.Queue(notifySQL, channels, payloads)
	return nil
}

// notifyAll wakes those who wait for the projection and tells listeners that any figure may have moved.
func notifyAll(ctx context.Context, tx pgx.Tx, projection string) error {
	return notify(ctx, tx, []string{pg.ProgressChannel, pg.FiguresChannel}, []string{projection, pg.AnyFigure})
}

// generationsOf is what [pg.Progress] knows the steps of a projection's generations by: a rebuild is asked for, one is to be
// followed, one is live. It is no name that a projection can have.
func generationsOf(projection string) string { return projection + ".generations" }

// notifyStep wakes who waits for a step of the projection's generations, in whichever process, when the transaction commits.
func notifyStep(ctx context.Context, tx pgx.Tx, projection string) error {
	return notify(ctx, tx, []string{pg.ProgressChannel}, []string{generationsOf(projection)})
}

const notifySQL = `select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as n(channel, payload)`

func notify(ctx context.Context, tx pgx.Tx, channels, payloads []string) error {
	return pg.Exec(ctx, tx, "notify progress", notifySQL, channels, payloads)
}

// streamsOf are the streams that a batch has moved, for those who wait for one of them; nil stands for
// any: where nobody waits for a key, or where a key is not one of ours and would not fit in a payload.
func streamsOf(state fold.Fold, events []fold.Event) []string {
	if _, chained := state.(fold.Chained); !chained {
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

// figureChanges are what the events change for listeners. One that was parked changed nothing; to name it costs
// a listener one reading too many.
func figureChanges(events []fold.Event) []domain.FigureChange {
	var changes domain.FigureChanges
	for _, ev := range events {
		change := domain.FigureChangeOf(ev.Data)
		if change == (domain.FigureChange{}) {
			continue
		}
		if change.ParentAccount == "" { // the key says it
			change.ParentAccount = ev.Key
		}
		changes.Add(change)
	}
	return changes.Named()
}

// figurePayloads are lists of changes in JSON, each short enough for one NOTIFY.
func figurePayloads(changes []domain.FigureChange) (payloads []string, err error) {
	var payload []byte
	for _, change := range changes {
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

// isErasure tells of an event that changes figures of any client who had the account.
func isErasure(ev fold.Event) bool {
	_, is := ev.Data.(domain.AccountErased)
	return is
}
