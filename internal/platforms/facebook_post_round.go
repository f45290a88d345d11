package platforms

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"slices"
)

// nodeRound reads posts, or videos. If a post is refused a part, it is requested again with less.
// Each request is smaller than the previous one, so the round ends.
type nodeRound struct {
	*facebook
	t       Target
	kind    nodeKind
	initial nodePlan // the first request of each post
	pending []question
	size    int  // batch size
	noBatch bool // the platform accepts no batches: posts are read one by one
	results []PostSnapshot

	allowed map[string]bool     // parts that at least one post was read with
	dropped map[string][]string // posts that were read without a part because of a permission, by part
}

type question struct {
	post    Post
	plan    nodePlan
	retried bool // the platform ran out of time for it once
}

type nodeAnswer struct {
	question
	timedOut bool
	err      *Error
	node     postNode
}

func (f *facebook) readNodes(ctx context.Context, t Target, k nodeKind, posts []Post) ([]PostSnapshot, error) {
	r := nodeRound{
		facebook: f, t: t, kind: k, initial: f.plan(t, k), size: maxBatch,
		noBatch: !f.refused.allows(edgeBatch, t.ExternalID, k.op), allowed: map[string]bool{}, dropped: map[string][]string{},
	}
	for _, p := range posts {
		r.pending = append(r.pending, question{post: p, plan: r.initial})
	}
	for len(r.pending) > 0 {
		if err := r.step(ctx); err != nil {
			if r.commonFailure() != nil {
				return nil, err // the posts were not tried; they are tried again together with the connection
			}
			return r.results, err
		}
	}
	r.remember()
	if e := r.commonFailure(); e != nil {
		return nil, e
	}
	return r.results, nil
}

const edgeBatch = "batch"

// step sends some of the pending questions. Those that must be asked differently go to the end.
func (r *nodeRound) step(ctx context.Context) error {
	answers, rest, err := r.ask(ctx, r.pending)
	if err != nil {
		if oversized(err) && r.size > 1 {
			r.size /= 2
			return nil
		}
		return err
	}
	r.pending = rest
	var connectionErr error
	var unknown []question
	for _, a := range answers {
		switch e := a.err; {
		case e == nil:
			if err := r.read(ctx, a.question, a.node); err != nil {
				return err
			}
		case e.Class == ClassReconnect, e.Class == ClassBlocked, e.Class == ClassThrottled:
			connectionErr = e // affects more than this post; the other answers of the batch are kept
		case e.Class == ClassUnsupportedMetric && a.plan.skipClass == "":
			unknown = append(unknown, a.question)
		default:
			r.askLess(a.question, e)
		}
	}
	if connectionErr != nil || len(unknown) == 0 {
		return connectionErr
	}
	return r.probe(ctx, unknown)
}

func (r *nodeRound) askLess(q question, e *Error) {
	switch {
	case e.Class == ClassInvalid && q.plan.skipClass == "" && badField(e) == r.kind.insights:
		r.refused.recordRefusal(r.kind.edge, r.kind.insights, r.t.ExternalID)
		q.plan.skipClass = ClassInvalid
	case e.Class == ClassPermission && (q.plan.summaries || q.plan.skipClass == ""):
		q.plan = q.plan.reduce(r.initial)
	default:
		r.fail(q, e)
		return
	}
	r.pending = append(r.pending, q)
}

// probe determines which metrics the platform refuses. If a temporary failure prevents this, the
// posts fail with it; they are not read without insights as if those were refused.
func (r *nodeRound) probe(ctx context.Context, unknown []question) error {
	var refused []string
	var unclear *Error
	if first := unknown[0]; !first.plan.probed {
		var err error
		if refused, unclear, err = r.probeMetrics(ctx, first); err != nil {
			return err
		}
	}
	for _, q := range unknown {
		if unclear != nil && len(refused) == 0 {
			r.fail(q, unclear)
			continue
		}
		q.plan = q.plan.withoutRefused(refused)
		q.plan.probed = unclear == nil
		r.pending = append(r.pending, q)
	}
	return nil
}

// probeMetrics requests a post's metrics one by one. unclear is a temporary failure that left a
// metric without an answer; err affects more than this post.
func (r *nodeRound) probeMetrics(ctx context.Context, q question) (refused []string, unclear *Error, err error) {
	var ask []question
	for _, metric := range q.plan.metrics {
		ask = append(ask, question{post: q.post, plan: nodePlan{metrics: []string{metric}}})
	}
	for len(ask) > 0 {
		answers, rest, err := r.ask(ctx, ask)
		if err != nil {
			return nil, nil, err
		}
		ask = rest
		for _, a := range answers {
			switch {
			case a.err == nil:
			case a.err.Class == ClassRetry:
				unclear = a.err
			case wholeConnection(a.err):
				err = a.err
			case a.err.Class == ClassUnsupportedMetric:
				metric := a.plan.metrics[0]
				r.refused.recordRefusal(r.kind.edge, metric, r.t.ExternalID)
				refused = append(refused, metric)
			}
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return refused, unclear, nil
}

func outOfTime() *Error {
	return &Error{Class: ClassRetry, Code: codeTimeout, Message: "the platform ran out of time for this post, twice"}
}

// ask sends as many questions as possible with one call and returns the rest. It asks again once if
// the platform runs out of time. The error affects more than one post.
func (r *nodeRound) ask(ctx context.Context, pending []question) (answers []nodeAnswer, rest []question, err error) {
	all, err := r.call(ctx, pending[:min(r.size, len(pending))])
	if err != nil {
		return nil, nil, err
	}
	rest = slices.Clone(pending[len(all):])
	for _, a := range all {
		if a.timedOut && !a.retried {
			a.retried = true
			rest = append(rest, a.question)
			continue
		}
		if a.timedOut {
			a.err = outOfTime()
		}
		answers = append(answers, a)
	}
	return answers, rest, nil
}

func (r *nodeRound) call(ctx context.Context, questions []question) ([]nodeAnswer, error) {
	if len(questions) == 1 || r.noBatch {
		return r.askOne(ctx, questions[0])
	}
	paths := make([]string, len(questions))
	for i, q := range questions {
		paths[i] = relative(q.post.ID, r.query(q.plan))
	}
	answers, err := r.batch(ctx, r.kind.op, r.t, paths)
	if refusesBatches(err) {
		return r.fallBackToSingle(ctx, questions[0], err)
	}
	if err != nil {
		return nil, err
	}
	out := make([]nodeAnswer, len(answers))
	for i, a := range answers {
		out[i] = nodeAnswer{question: questions[i], timedOut: a.timedOut, err: a.err}
		if a.body != nil && json.Unmarshal(a.body, &out[i].node) != nil {
			out[i].err = malformed()
		}
	}
	return out, nil
}

func (r *nodeRound) askOne(ctx context.Context, q question) ([]nodeAnswer, error) {
	out := nodeAnswer{question: q}
	err := r.get(ctx, r.kind.op, r.t, q.post.ID, r.query(q.plan), &out.node)
	if out.err = asError(err); wholeConnection(err) || err != nil && out.err == nil {
		return nil, err
	}
	return []nodeAnswer{out}, nil
}

// The first read of a single post shows whether the batch or the post is at fault.
func (r *nodeRound) fallBackToSingle(ctx context.Context, first question, refusal error) ([]nodeAnswer, error) {
	answers, err := r.askOne(ctx, first)
	if r.noBatch = true; err != nil || answers[0].err != nil {
		return answers, err
	}
	r.refused.recordRefusal(edgeBatch, r.kind.op, r.t.ExternalID)
	r.cfg.Logger.WarnContext(ctx, "posts are read one by one: the platform refuses batches",
		slog.String("platform", r.platform.String()), slog.Any("error", refusal))
	return answers, nil
}

func (r *nodeRound) query(plan nodePlan) url.Values {
	return url.Values{"fields": {r.kind.fields(plan)}}
}

func (r *nodeRound) read(ctx context.Context, q question, node postNode) error {
	if string(node.ID) != q.post.ID {
		r.fail(q, &Error{Class: ClassRetry, Code: codeMalformed, Message: "the answer does not contain this post"})
		return nil
	}
	r.tally(q)
	if q.plan.skipClass == ClassInvalid {
		// The insights are not a field of the node here. Their own edge gets neither metrics nor a
		// period: one retired name rejects the call, and reels reject a period.
		err := r.get(ctx, "video_insights", r.t, q.post.ID+"/video_insights", url.Values{}, &node.VideoInsights.v)
		if wholeConnection(err) {
			return err
		}
	}
	snap := PostSnapshot{Post: q.post}
	r.kind.read(&snap, node, q.plan)
	r.results = append(r.results, snap)
	return nil
}

func (r *nodeRound) fail(q question, e *Error) {
	e.Platform, e.Op = r.platform, r.kind.op
	r.results = append(r.results, PostSnapshot{Post: q.post, Err: e})
}

func (r *nodeRound) tally(q question) {
	note := func(part string, requested, read bool) {
		if read {
			r.allowed[part] = true
		} else if requested {
			r.dropped[part] = append(r.dropped[part], q.post.ID)
		}
	}
	note(partSummaries, r.initial.summaries, q.plan.summaries)
	note(partInsights, r.initial.skipClass == "" && q.plan.skipClass == ClassPermission, q.plan.skipClass == "")
}

// remember records the parts that the token may not read, as opposed to those that single posts
// forbid: two posts were refused the part, and no post was read with it.
func (r *nodeRound) remember() {
	for part, posts := range r.dropped {
		if !r.allowed[part] && (len(posts) > 1 || r.single.confirm(r.kind.edge, part, r.t.ExternalID, posts[0])) {
			r.unpermitted.recordRefusal(r.kind.edge, part, r.t.ExternalID)
		}
	}
}

// commonFailure returns the failure that several posts all share: if all questions were invalid,
// our request is wrong; if none was answered, the platform has an outage.
func (r *nodeRound) commonFailure() *Error {
	if len(r.results) < 2 {
		return nil
	}
	first := r.results[0].Err
	if first == nil || first.Class != ClassInvalid && first.Class != ClassRetry {
		return nil
	}
	for _, s := range r.results {
		if s.Err == nil || s.Err.Class != first.Class {
			return nil
		}
	}
	return first
}
