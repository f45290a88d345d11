package simulator

import (
	"hash/fnv"
	"time"
)

// The curves are integer arithmetic on purpose: the same numbers on every machine.

// epoch is where the curves begin; readings before it stay at the beginning.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

const daySeconds = 24 * 60 * 60

// hash mixes the seed with what is being asked for; the result is well spread over 64 bits.
func hash(seed uint64, parts ...string) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		_, _ = h.Write([]byte(p))
		_, _ = h.Write([]byte{0})
	}
	x := h.Sum64() ^ seed*0x9e3779b97f4a7c15
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// between is a number of [low, high) that is fixed for (seed, parts).
func between(low, high int64, seed uint64, parts ...string) int64 {
	return low + int64(hash(seed, parts...)%uint64(high-low))
}

// elapsed is the time since the curves' beginning in seconds, never negative.
func elapsed(t time.Time) int64 { return max(0, t.Unix()-epoch.Unix()) }

// SoFar is the part of a day's value that there is at an instant: nothing before the day, all of it once
// the day is over.
func SoFar(value int64, begin, end, at time.Time) int64 {
	switch {
	case !at.After(begin):
		return 0
	case !at.Before(end):
		return value
	default:
		return value * int64(at.Sub(begin)/time.Second) / int64(end.Sub(begin)/time.Second)
	}
}

// DaysBetween is how many days a calendar turns from one date to another, whatever the clocks do.
func DaysBetween(from, to time.Time) int64 {
	count := func(t time.Time) int64 {
		y, m, d := t.Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / daySeconds
	}
	return count(to) - count(from)
}

// paceOf is how fast an account grows, in hundredths of a per cent a day: a few shrink, most grow a little, some fast.
func paceOf(seed uint64, id string) int64 {
	switch dice := between(0, 100, seed, "character", id); {
	case dice < 12:
		return between(-3, 0, seed, "rate", id)
	case dice < 50:
		return between(3, 10, seed, "rate", id)
	case dice < 85:
		return between(10, 30, seed, "rate", id)
	default:
		return between(30, 70, seed, "rate", id)
	}
}

// FollowersAt is the number of followers of an account at an instant: mostly growing, now and then
// falling, without jumps. History generated with it and live readings are one curve.
func FollowersAt(seed uint64, id string, t time.Time) int64 {
	base := between(800, 20_000, seed, "followers", id)
	perDay := base * paceOf(seed, id) / 10 // thousandths of a follower
	s := elapsed(t)
	day, inDay := s/daySeconds, s%daySeconds
	wave := max(perDay, -perDay)*2/5/1000 + 2
	noise := func(day int64) int64 { return between(-wave, wave+1, seed, "wave", id, itoa(day)) }
	grown := perDay*inRhythm(weekOf(seed, id), s)/daySeconds + lift(seed, id, perDay, t)
	return max(base/4, base+grown/1000) + noise(day) + (noise(day+1)-noise(day))*inDay/daySeconds
}

// LikesAt is the number of likes an account ever got (TikTok's likes_count): it never falls.
func LikesAt(seed uint64, id string, t time.Time) int64 {
	base := between(5_000, 90_000, seed, "likes", id)
	perDay := between(base/12, base*2, seed, "likes rate", id)
	return base + (perDay*inRhythm(weekOf(seed, id), elapsed(t))/daySeconds+lift(seed, id, perDay, t))/1000
}

// ViewsOn is the views of an account on a day (YYYY-MM-DD, the platform's label).
func ViewsOn(seed uint64, id, day string) int64 {
	return perDay(seed, id, day, "views", 300, 900)
}

// ReachOn is how many people an account reached in the window of so many days that ends with day:
// more days reach more people, but far from the sum of the days. A week and more know no rhythm of the week.
func ReachOn(seed uint64, id, day string, days int64) int64 {
	daily := ViewsOn(seed, id, day) * 7 / 10
	if days >= 7 {
		value, _ := usual(seed, id, day, "views", 300, 900)
		daily = value * 7 / 1000
	}
	return daily * days * 13 / (10 + 3*days)
}

// EngagementOn is the likes, comments and shares of an account on a day.
func EngagementOn(seed uint64, id, day string) int64 {
	return perDay(seed, id, day, "engagement", 2, 5)
}

// LikesOn is the likes part of [EngagementOn].
func LikesOn(seed uint64, id, day string) int64 { return EngagementOn(seed, id, day) * 7 / 10 }

// CommentsOn is the comments part of [EngagementOn].
func CommentsOn(seed uint64, id, day string) int64 { return EngagementOn(seed, id, day) * 2 / 10 }

// SharesOn is the rest of [EngagementOn].
func SharesOn(seed uint64, id, day string) int64 {
	return EngagementOn(seed, id, day) - LikesOn(seed, id, day) - CommentsOn(seed, id, day)
}

// ClicksOn is the clicks on an account's buttons and links on a day.
func ClicksOn(seed uint64, id, day string) int64 {
	return perDay(seed, id, day, "clicks", 5, 25)
}

// SavesOn is how often people kept an account's posts on a day.
func SavesOn(seed uint64, id, day string) int64 {
	return perDay(seed, id, day, "saves", 2, 12)
}

// YearAt is what a LinkedIn company page answers for its rolling twelve months: smooth in time, like
// the followers it follows.
func YearAt(seed uint64, id string, t time.Time) PostCounters {
	n := FollowersAt(seed, id, t)
	return PostCounters{Views: n * 219, Reach: n * 40, Clicks: n * 7, Likes: n * 8 / 10, Comments: n * 2 / 10, Shares: n / 10}
}

// usual is a hundred times what an account has on an ordinary day: a part of the followers at the day's start that is its
// own, between low and high per mille, a little more or less each day.
func usual(seed uint64, id, day, what string, low, high int64) (value int64, begins time.Time) {
	begins, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return 0, epoch
	}
	level, chance := between(low, high, seed, what, id), between(88, 113, seed, what, id, day)
	return FollowersAt(seed, id, begins) * level * chance / 1000, begins
}

// perDay is what an account has on a day: the usual, in the rhythm of its week, and more during a campaign.
func perDay(seed uint64, id, day, what string, low, high int64) int64 {
	value, begins := usual(seed, id, day, what, low, high)
	percent := int64(100)
	if _, since := campaignAt(seed, begins); since < campaignFor {
		percent += between(40, 140, seed, "strength", id)
	}
	return value * 7 * weekOf(seed, id)[elapsed(begins)/daySeconds%7] * percent / 1_000_000
}

// PostCounters are the lifetime counters of a post.
type PostCounters struct {
	Views, Reach, Likes, Comments, Shares, Clicks, Saves int64
}

// PostAt is the counters of a post at an instant: 0 when it is published, then growing ever more
// slowly towards a total of its own; they never fall.
func PostAt(seed uint64, id string, published, t time.Time) PostCounters {
	age := max(0, t.Unix()-published.Unix())
	half := between(6*3600, 72*3600, seed, "half", id)
	grown := func(total int64) int64 { return total * age / (age + half) }
	views := audience(seed, id)
	if _, pushed := CampaignPost(seed, id, published); pushed {
		views += views * between(80, 160, seed, "pushed", id) / 100
	}
	return PostCounters{
		Views: grown(views), Reach: grown(views * 7 / 10),
		Likes:    grown(views * between(2, 9, seed, "post likes", id) / 100),
		Comments: grown(views * between(2, 20, seed, "post comments", id) / 1000),
		Shares:   grown(views * between(0, 15, seed, "post shares", id) / 1000),
		Clicks:   grown(views * between(5, 40, seed, "post clicks", id) / 1000),
		Saves:    grown(views * between(1, 12, seed, "post saves", id) / 1000),
	}
}

// AvgWatchOf is how long a view of a video lasts on average, in milliseconds.
func AvgWatchOf(seed uint64, id string) int64 { return between(2_500, 14_000, seed, "watch", id) }

// audience is how often a post will have been seen: most are seen by few, and one in fifty goes round.
func audience(seed uint64, id string) int64 {
	switch dice := between(0, 100, seed, "audience", id); {
	case dice < 55:
		return between(200, 2_500, seed, "post views", id)
	case dice < 88:
		return between(2_500, 12_000, seed, "post views", id)
	case dice < 98:
		return between(12_000, 40_000, seed, "post views", id)
	default:
		return between(40_000, 120_000, seed, "post views", id)
	}
}
