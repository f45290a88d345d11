package projections_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/foldtest"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections/ddl"
	"github.com/ledgerboard/ledgerboard/projections/fold"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

var update = flag.Bool("update", false, "write the digests of this version of each projector (TestEveryVersionGivesItsDigest)")

const (
	frozenFile  = "testdata/versions/log.json"
	digestsFile = "testdata/versions/digests.json"
	howToRenew  = `The frozen log gives other tables than version %d of projection %s gave, or its definition is another one.
Tables are never altered: raise Version of the projector, so that a new generation is built next to the live one. Then run
	go test ./projections -run TestEveryVersionGivesItsDigest -update
and look at the difference of ` + digestsFile + `: a released version keeps its line.`
)

// versionDigest is what a version of a projector makes of the frozen log.
type versionDigest struct {
	Definition string            `json:"definition"` // of columns, keys and indexes
	Tables     map[string]string `json:"tables"`
	Parked     string            `json:"parked"`
}

// frozenRecord is a record of the frozen log. It stands there as it was written: what is in the log stays there.
type frozenRecord struct {
	Topic     string      `json:"topic"`
	Partition int32       `json:"partition"`
	Key       string      `json:"key"`
	Headers   [][2]string `json:"headers"`
	Value     *string     `json:"value"` // null: a tombstone
}

// A change of a fold or a definition is a new version of its projector: the same version gives the same tables.
func TestEveryVersionGivesItsDigest(t *testing.T) {
	t.Parallel()
	topics := testTopics(t)
	logs := frozenLogs(t, eventlog.NewCodec(domain.NewRegistry(), topics, "/ledgerboard/test"))
	digests := map[string]map[string]versionDigest{}
	readJSON(t, digestsFile, &digests)
	db := pgtest.New(t)
	for _, p := range every() {
		got := versionDigest{Definition: definitionDigest(t, db, p), Tables: map[string]string{}}
		f := folding{db: db, topics: topics, projector: p}
		f.run(t, &reader{memLog: logs[p.Topic()]})
		for _, table := range p.Tables() {
			got.Tables[table] = digestOf(foldtest.Dump(t, db, table))
		}
		got.Parked = digestOf(parkedLines(t, db, p))
		version := strconv.Itoa(p.Version())
		if *update {
			if digests[p.Name()] == nil {
				digests[p.Name()] = map[string]versionDigest{}
			}
			digests[p.Name()][version] = got
			continue
		}
		require.Equal(t, digests[p.Name()][version], got, howToRenew, p.Version(), p.Name())
	}
	if *update {
		writeJSON(t, digestsFile, digests)
	}
}

// definitionDigest digests columns, keys and indexes, as the database has them: comments are no part of it.
func definitionDigest(t *testing.T, db *pgtest.DB, p fold.Projector) string {
	t.Helper()
	rows, err := db.Pool.Query(context.Background(), `
		select format('%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
		where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition
		union all
		select pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = $1 and not c.relispartition
		order by 1`, ddl.Schema(p.Name(), 1))
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, lines)
	return digestOf(lines)
}

func digestOf(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return hex.EncodeToString(sum[:8])
}

// frozenLogs reads the frozen log. Without its file, -update draws one and writes it.
func frozenLogs(t *testing.T, codec eventlog.Codec) map[string]*memLog {
	t.Helper()
	if _, err := os.Stat(frozenFile); os.IsNotExist(err) && *update {
		writeFrozen(t, freeze(codec))
	}
	var records []frozenRecord
	readJSON(t, frozenFile, &records)
	require.NotEmpty(t, records)
	logs := map[string]*memLog{}
	for _, r := range records {
		if logs[r.Topic] == nil {
			logs[r.Topic] = newMemLog(codec, r.Topic)
		}
		record := eventlog.Record{Topic: r.Topic, Key: []byte(r.Key)}
		if r.Value != nil {
			record.Value = []byte(*r.Value)
		}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, eventlog.Header{Key: h[0], Value: []byte(h[1])})
		}
		logs[r.Topic].add(record, r.Partition)
	}
	return logs
}

// freeze draws a log of every topic, with poison, races, forgeries and what operators said of them.
func freeze(codec eventlog.Codec) []frozenRecord {
	var frozen []frozenRecord
	for _, p := range []fold.Projector{dashboards, projectors.PostInsights{}, projectors.Contents{}, projectors.Directory{}, projectors.Operations{}} {
		log := rapid.Custom(func(t *rapid.T) *memLog {
			d := newDrawing(t, codec, p)
			for d.n = range 40 {
				d.step()
			}
			return d.log
		}).Example(1)
		if p.Topic() == domain.TopicDirectory {
			for _, e := range foldtest.Entities() {
				r, err := codec.Encode(draft(p.Topic(), domain.EntityKey(e), "of every kind", e))
				if err != nil {
					panic(err)
				}
				log.put(r)
			}
		}
		freezeSamples(log)
		for partition, records := range log.partitions {
			for _, r := range records {
				f := frozenRecord{Topic: p.Topic(), Partition: int32(partition), Key: string(r.Key)}
				for _, h := range r.Headers {
					f.Headers = append(f.Headers, [2]string{h.Key, string(h.Value)})
				}
				if r.Value != nil {
					value := string(r.Value)
					f.Value = &value
				}
				frozen = append(frozen, f)
			}
		}
	}
	return frozen
}

// freezeSamples adds the samples of the topic's events, which have every field, and each again some days later.
func freezeSamples(log *memLog) {
	files, err := filepath.Glob("../domain/testdata/" + log.topic + ".*.json")
	if err != nil || log.topic == domain.TopicDirectory {
		return
	}
	for n, file := range files {
		eventType := strings.Join(strings.Split(filepath.Base(file), ".")[:3], ".") // behind the version stands what the sample is of
		raw, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		for i, day := range []string{"2026-03-01T", "2026-03-04T"} {
			data, err := domain.NewRegistry().Decode(eventType, bytes.ReplaceAll(raw, []byte("2026-03-01T"), []byte(day)))
			if err != nil {
				panic(err)
			}
			key := agencyA
			if keyed, ok := data.(interface{ Key() string }); ok {
				key = keyed.Key()
			}
			r, err := log.Encode(draft(log.topic, key, fmt.Sprintf("sample %d.%d", n, i), data))
			if err != nil {
				panic(err)
			}
			log.put(r)
		}
	}
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) && *update {
		return
	}
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}

// writeFrozen writes a record a line.
func writeFrozen(t *testing.T, records []frozenRecord) {
	t.Helper()
	lines := make([]string, len(records))
	for i, r := range records {
		raw, err := json.Marshal(r)
		require.NoError(t, err)
		lines[i] = string(raw)
	}
	writeFile(t, frozenFile, "[\n"+strings.Join(lines, ",\n")+"\n]\n")
}

func writeFile(t *testing.T, file, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll("testdata/versions", 0o750))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
}

func writeJSON(t *testing.T, file string, value any) {
	t.Helper()
	raw, err := json.MarshalIndent(value, "", " ")
	require.NoError(t, err)
	writeFile(t, file, string(raw)+"\n")
}
