package simulator

// postMetrics are the lifetime metrics of a post.
var postMetrics = map[string]func(PostCounters) any{
	"post_media_view":              func(n PostCounters) any { return n.Views },
	"post_total_media_view_unique": func(n PostCounters) any { return n.Reach },
	"post_clicks":                  func(n PostCounters) any { return n.Clicks },
	"post_clicks_by_type":          func(n PostCounters) any { return object{"link clicks": n.Clicks} },
	"post_reactions_by_type_total": func(n PostCounters) any { return object{"like": n.Likes - n.Likes/4, "love": n.Likes / 4} },
	"post_video_views":             func(n PostCounters) any { return n.Views / 2 },
}

// postInsights is the data of GET /{post}/insights and of the field of the same name.
func (s *Server) postInsights(c *request, n PostCounters, metric string) ([]object, *reply) {
	names, fail := s.metricsOf(c, metric, func(m string) bool { return postMetrics[m] != nil })
	if fail != nil {
		return nil, fail
	}
	data := []object{}
	for _, name := range names {
		if c.lacks("read_insights") || c.traps.NoCounts {
			break
		}
		data = append(data, lifetimeValue(name, postMetrics[name](n)))
		if name == "post_video_views" {
			data = append(data, object{"name": name, "period": "day", "values": []object{{"value": n.Views / 40}}})
		}
	}
	return data, nil
}

func lifetimeValue(name string, value any) object {
	return object{"name": name, "period": "lifetime", "values": []object{{"value": value}}, "title": name}
}

// videoInsights is what a video or a reel tells without being asked for metrics. A reel of less than
// an hour tells nothing yet; buckets of a day stand among the lifetime values.
func (s *Server) videoInsights(c *request, p Post, n PostCounters) []object {
	if c.lacks("read_insights") || c.traps.NoCounts || c.now.Sub(p.Created).Hours() < 1 {
		return []object{}
	}
	data := []object{
		lifetimeValue("post_video_likes_by_reaction_type", object{"REACTION_LIKE": n.Likes - n.Likes/5, "REACTION_LOVE": n.Likes / 5}),
		lifetimeValue("post_video_social_actions", object{"COMMENT": n.Comments, "SHARE": n.Shares}),
		lifetimeValue("post_video_retention_graph", object{"0": 1.0, "1": 0.73}),
		lifetimeValue("post_video_avg_time_watched", AvgWatchOf(s.cfg.Seed, p.ID)),
	}
	if p.Kind == KindReel {
		return append(data,
			object{"name": "fb_reels_total_plays", "period": "day", "values": []object{{"value": n.Views / 30}}},
			lifetimeValue("fb_reels_total_plays", n.Views), lifetimeValue("blue_reels_play_count", n.Views*8/10),
			lifetimeValue("fb_reels_replay_count", n.Views*2/10), lifetimeValue("post_total_media_view_unique", n.Reach))
	}
	// No reach: total_video_views_unique is gone since 2026-06-15.
	return append(data, lifetimeValue("total_video_views", n.Views), lifetimeValue("total_video_views_autoplayed", n.Views/2))
}

func (s *Server) postInsightsEdge(c *request, id string) reply {
	p, found := s.findPost(c, id)
	if !found {
		return s.graphNotFound(c, id)
	}
	data, fail := s.postInsights(c, s.counters(c, p), c.query.Get("metric"))
	if none := s.withoutInsights(c, p, id, "insights"); none != nil {
		fail = none
	}
	if fail != nil {
		return *fail
	}
	return ok(object{"data": data})
}

// videoInsightsEdge: one retired metric sinks the call, and reels reject a period.
func (s *Server) videoInsightsEdge(c *request, id string) reply {
	p, found := s.findPost(c, id)
	switch {
	case !found:
		return s.graphNotFound(c, id)
	case p.Kind == KindReel && c.query.Get("period") != "":
		return s.graphFail(c, 400, 100, 0, "(#100) Invalid parameter: period")
	default:
		if none := s.withoutInsights(c, p, id, "video_insights"); none != nil {
			return *none
		}
		return ok(object{"data": s.videoInsights(c, p, s.counters(c, p))})
	}
}
