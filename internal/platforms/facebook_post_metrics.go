package platforms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxIDs is how many nodes one `ids=` call may name.
const maxIDs = 50

// summaryOf is a list of which only the total was asked for.
type summaryOf struct {
	Summary maybe[struct {
		Total count `json:"total_count"`
	}] `json:"summary"`
}

func total(s maybe[summaryOf]) *int64 { return s.v.Summary.v.Total.ptr() }

type insightList struct {
	Data list[insight] `json:"data"`
}

// postNode is a post or a video with what was asked of it.
type postNode struct {
	Error         maybe[graphError]  `json:"error"`
	ID            text               `json:"id"`
	Insights      maybe[insightList] `json:"insights"`
	VideoInsights maybe[insightList] `json:"video_insights"`
	Shares        *maybe[struct {
		Count count `json:"count"`
	}] `json:"shares"` // nil: not in the answer
	Reactions maybe[summaryOf] `json:"reactions"`
	Likes     maybe[summaryOf] `json:"likes"`
	Comments  maybe[summaryOf] `json:"comments"`
}

// nodeKind is how posts, or videos, are read.
type nodeKind struct {
	op        string
	edge      string   // what the negative caches file refusals under
	metrics   []string // of `insights`; nil where metrics are not named
	insights  string   // field of the insights
	summaries string   // fields that need pages_read_user_content
	always    string   // fields that need nothing
	read      func(*PostSnapshot, postNode, nodePlan)
}

var (
	postKind = nodeKind{
		op: "post_metrics", edge: "post_insights", insights: "insights", always: "id,shares",
		metrics:   []string{postViews, postReach, postClicks, postReactions},
		summaries: "reactions.limit(0).summary(total_count),comments.limit(0).summary(total_count)",
		read:      readPost,
	}
	videoKind = nodeKind{
		op: "video_metrics", edge: "video_insights", insights: "video_insights", always: "id",
		summaries: "likes.limit(0).summary(total_count),comments.limit(0).summary(total_count)",
		read:      readVideo,
	}
)

// nodePlan is what one attempt asks for.
type nodePlan struct {
	metrics   []string
	refused   []string // metrics left out because the platform does not know them
	summaries bool
	why       Class // why insights are not asked for; "" they are
}

func (k nodeKind) fields(plan nodePlan) string {
	fields := []string{k.always}
	if plan.summaries {
		fields = append(fields, k.summaries)
	}
	switch {
	case plan.why != "":
	case k.metrics != nil:
		fields = append(fields, k.insights+".metric("+strings.Join(plan.metrics, ",")+")")
	default:
		fields = append(fields, k.insights)
	}
	return strings.Join(fields, ",")
}

// PostMetrics implements [Client]. Posts and videos are read 50 to a call. One dead id fails such a
// call, so the batch is halved until the dead one stands alone.
func (f *facebook) PostMetrics(ctx context.Context, t Target, posts []Post) ([]PostSnapshot, error) {
	if err := f.check(postKind.op, t); err != nil {
		return nil, err
	}
	var out []PostSnapshot
	byKind := map[*nodeKind][]Post{}
	for _, p := range posts {
		switch {
		case !plainID(p.ID, "_"):
			out = append(out, PostSnapshot{Post: p, Err: invalid(f.platform, postKind.op, "id is not a Graph id")})
		case strings.Contains(p.ID, "_"): // {page}_{post}; videos and reels are bare numbers
			byKind[&postKind] = append(byKind[&postKind], p)
		default:
			byKind[&videoKind] = append(byKind[&videoKind], p)
		}
	}
	for _, kind := range []*nodeKind{&postKind, &videoKind} {
		for chunk := range slices.Chunk(byKind[kind], maxIDs) {
			got, err := f.readBatch(ctx, t, *kind, chunk)
			out = append(out, got...)
			if err != nil {
				return out, err
			}
		}
	}
	return out, nil
}

// Names that the negative caches use for parts of a node.
const (
	partSummaries = "summaries"
	partInsights  = "insights"
)

func (f *facebook) plan(t Target, k nodeKind) nodePlan {
	var plan nodePlan
	plan.metrics, plan.refused = f.refused.usable(k.edge, t.ExternalID, k.metrics)
	plan.summaries = f.unpermitted.allows(k.edge, t.ExternalID, partSummaries)
	switch {
	case k.metrics != nil && len(plan.metrics) == 0:
		plan.why = ClassUnsupportedMetric
	case !f.refused.allows(k.edge, t.ExternalID, k.insights):
		plan.why = ClassInvalid
	case !f.unpermitted.allows(k.edge, t.ExternalID, partInsights):
		plan.why = ClassPermission
	}
	return plan
}

// readBatch reads some posts, asking for less whenever the platform refuses a part; each turn of the
// loop asks for something else or fewer, so it ends. What had to be left out is remembered only when
// leaving it out helped, and when it was no single post's doing.
func (f *facebook) readBatch(ctx context.Context, t Target, k nodeKind, posts []Post) ([]PostSnapshot, error) {
	start := f.plan(t, k)
	plan := start
	for {
		nodes, err := f.nodes(ctx, t, k, plan, posts)
		if err == nil {
			ofAll, err := f.classifyRefusal(ctx, t, k, start, plan, posts)
			switch {
			case err != nil:
				return nil, err
			case !ofAll:
				return f.readHalves(ctx, t, k, posts)
			default:
				return f.snapshots(ctx, t, k, plan, posts, nodes)
			}
		}
		e := asError(err)
		switch {
		case e == nil:
			return nil, err
		case e.Class == ClassUnsupportedMetric && plan.why == "":
			plan = f.probe(ctx, t, k, plan, posts)
		case e.Class == ClassInvalid && plan.why == "" && badField(e) == k.insights:
			f.refused.refuse(k.edge, k.insights, t.ExternalID)
			plan.why = ClassInvalid
		case e.Class == ClassPermission && (plan.summaries || plan.why == ""):
			plan = plan.less(start)
		case len(posts) > 1 && (e.Class == ClassNotFound || e.Class == ClassPermission || e.Class == ClassNoData || oversized(e)):
			return f.readHalves(ctx, t, k, posts)
		case e.Class == ClassNotFound || e.Class == ClassPermission || e.Class == ClassNoData:
			return []PostSnapshot{{Post: posts[0], Err: e}}, nil
		default:
			return nil, err
		}
	}
}

// less is what to ask for after a refusal for lack of a permission: no summaries, or no insights, or neither.
func (p nodePlan) less(start nodePlan) nodePlan {
	if p.summaries || p.why != "" {
		p.summaries = false
		return p
	}
	p.summaries, p.why = start.summaries, ClassPermission
	return p
}

// classifyRefusal decides what it means that parts were left out: that the token may not read them, which is
// remembered, or only that one of the posts forbids them; false: the others are to be read without that one.
func (f *facebook) classifyRefusal(ctx context.Context, t Target, k nodeKind, start, plan nodePlan, posts []Post) (ofAll bool, err error) {
	var dropped []string
	whole := plan
	if start.summaries && !plan.summaries {
		whole.summaries, dropped = true, append(dropped, partSummaries)
	}
	if start.why == "" && plan.why == ClassPermission {
		whole.why, dropped = "", append(dropped, partInsights)
	}
	if len(dropped) == 0 {
		return true, nil
	}
	if len(posts) > 1 {
		for _, one := range []Post{posts[0], posts[len(posts)-1]} {
			_, err := f.nodes(ctx, t, k, whole, []Post{one})
			if err == nil {
				return false, nil
			}
			if wholeConnection(err) || asError(err) == nil {
				return false, err
			}
		}
	}
	for _, part := range dropped {
		if len(posts) > 1 || f.alone.confirmed(k.edge, part, t.ExternalID, posts[0].ID) {
			f.unpermitted.refuse(k.edge, part, t.ExternalID)
		}
	}
	return true, nil
}

func (f *facebook) readHalves(ctx context.Context, t Target, k nodeKind, posts []Post) ([]PostSnapshot, error) {
	half := len(posts) / 2
	first, err := f.readBatch(ctx, t, k, posts[:half])
	if err != nil {
		return first, err
	}
	second, err := f.readBatch(ctx, t, k, posts[half:])
	return append(first, second...), err
}

// probe finds out which metrics the platform refuses: the message does not say. When no single one
// is refused, insights are left out of this reading.
func (f *facebook) probe(ctx context.Context, t Target, k nodeKind, plan nodePlan, posts []Post) nodePlan {
	var refused []string
	for _, metric := range plan.metrics {
		alone := nodePlan{metrics: []string{metric}}
		if _, err := f.nodes(ctx, t, k, alone, posts); ClassOf(err) == ClassUnsupportedMetric {
			f.refused.refuse(k.edge, metric, t.ExternalID)
			refused = append(refused, metric)
		}
	}
	plan.metrics = without(plan.metrics, refused)
	plan.refused = append(slices.Clone(plan.refused), refused...)
	if len(refused) == 0 || len(plan.metrics) == 0 {
		plan.why = ClassUnsupportedMetric
	}
	return plan
}

// nodes reads posts by `ids=`, or by its own address when there is only one.
func (f *facebook) nodes(ctx context.Context, t Target, k nodeKind, plan nodePlan, posts []Post) (map[string]postNode, error) {
	q := url.Values{"fields": {k.fields(plan)}}
	if len(posts) == 1 {
		var node postNode
		if err := f.get(ctx, k.op, t, posts[0].ID, q, &node); err != nil {
			return nil, err
		}
		return map[string]postNode{posts[0].ID: node}, nil
	}
	ids := make([]string, len(posts))
	for i, p := range posts {
		ids[i] = p.ID
	}
	q.Set("ids", strings.Join(ids, ","))
	var raw map[string]json.RawMessage
	if err := f.get(ctx, k.op, t, "", q, &raw); err != nil {
		return nil, err
	}
	out := make(map[string]postNode, len(posts))
	for _, id := range ids {
		var node postNode
		if json.Unmarshal(raw[id], &node) == nil {
			out[id] = node
		}
	}
	return out, nil
}

func (f *facebook) snapshots(
	ctx context.Context, t Target, k nodeKind, plan nodePlan, posts []Post, nodes map[string]postNode,
) ([]PostSnapshot, error) {
	out := make([]PostSnapshot, 0, len(posts))
	for _, p := range posts {
		node, ok := nodes[p.ID]
		var e *Error
		switch {
		case !ok:
			e = &Error{Class: ClassNotFound, Message: "the platform left this post out of its answer"}
		case node.Error.ok:
			e = node.Error.v.classify(http.StatusOK)
			e.Status, e.Message = http.StatusOK, scrub(e.Message, t.AccessToken)
			if e.Class == ClassThrottled {
				e.RetryAfter = f.wait(0, nil)
			}
		case string(node.ID) != p.ID:
			e = &Error{Class: ClassRetry, Code: codeMalformed, Message: "the answer does not hold this post under its id"}
		}
		if e != nil {
			e.Platform, e.Op = f.platform, k.op
			out = append(out, PostSnapshot{Post: p, Err: e})
			continue
		}
		if plan.why == ClassInvalid {
			if err := f.edgeInsights(ctx, t, p, &node); err != nil {
				return out, err
			}
		}
		snap := PostSnapshot{Post: p}
		k.read(&snap, node, plan)
		out = append(out, snap)
	}
	return out, nil
}

// missing says why a metric of a post has no value.
func (p nodePlan) missing(metrics ...string) (reason, detail string) {
	switch {
	case p.why == ClassPermission:
		return ReasonPermission, "the token may not read insights"
	case len(metrics) > 0 && !slices.ContainsFunc(metrics, func(m string) bool { return !slices.Contains(p.refused, m) }):
		return ReasonUnsupported, "the platform does not know " + strings.Join(metrics, ", ")
	case p.why == ClassUnsupportedMetric:
		return ReasonUnsupported, "the platform refused the metrics"
	default:
		return ReasonEmpty, "answered without a value"
	}
}
