package domain

// The quick ways to write readings, byte for byte as encoding/json writes them: fetchers write millions, and with
// encoding/json alone that is as much work as to send them. They refuse what is not plain.

// readingSize is what most readings need.
const readingSize = 640

func postReadWritten(e PostRead) ([]byte, bool) {
	w := plainWriter{out: make([]byte, 0, readingSize)}
	w.tenant(e.Tenant)
	w.platform(e.Platform, e.AccountType)
	w.text(`,"external_id":`, e.ExternalID)
	w.time(`,"captured_at":`, e.CapturedAt)
	w.timeIf(`,"published_at":`, e.PublishedAt)
	if e.Backfilled {
		w.raw(`,"backfilled":true`)
	}
	w.count(`,"likes":`, e.Likes)
	w.count(`,"comments":`, e.Comments)
	w.count(`,"shares":`, e.Shares)
	w.count(`,"views":`, e.Views)
	w.count(`,"impressions":`, e.Impressions)
	w.count(`,"reach":`, e.Reach)
	w.count(`,"clicks":`, e.Clicks)
	w.countIf(`,"saves":`, e.Saves)
	w.countIf(`,"avg_watch_ms":`, e.AvgWatch)
	w.missing(e.Missing)
	w.truth(`,"growth_eligible":`, e.GrowthEligible)
	w.text(`,"growth_window":`, e.GrowthWindow)
	w.truth(`,"subscription_active":`, e.SubscriptionActive)
	w.truth(`,"from_zero":`, e.FromZero)
	w.timeIf(`,"tracked_since":`, e.TrackedSince)
	w.raw(`}`)
	return w.written()
}

func accountReadWritten(e AccountRead) ([]byte, bool) {
	if len(e.Demographics) > 0 { // once a day at most
		return nil, false
	}
	w := plainWriter{out: make([]byte, 0, readingSize)}
	w.tenant(e.Tenant)
	w.platform(e.Platform, e.AccountType)
	w.time(`,"captured_at":`, e.CapturedAt)
	if e.Backfilled {
		w.raw(`,"backfilled":true`)
	}
	writeList(&w, `,"figures":`, e.Figures, (*plainWriter).figure)
	w.missing(e.Missing)
	w.raw(`}`)
	return w.written()
}

// tenant writes the beginning of a reading.
func (w *plainWriter) tenant(t Tenant) {
	w.text(`{"parent_account":`, t.ParentAccount)
	w.text(`,"account_id":`, t.AccountID)
	w.number(`,"member_id":`, t.MemberID)
	w.number(`,"social_account_id":`, t.SocialAccount)
}

func (w *plainWriter) platform(of Platform, account AccountType) {
	w.number(`,"p_id":`, int64(of))
	if account != 0 {
		w.number(`,"a_type":`, int64(account))
	}
}

func (w *plainWriter) figure(f *Figure) {
	w.text(`{"name":`, f.Name)
	w.text(`,"kind":`, string(f.Kind))
	w.number(`,"value":`, f.Value)
	w.text(`,"source":`, f.Source)
	w.textIf(`,"day":`, f.Day)
	w.textIf(`,"window":`, f.Window)
	w.raw(`}`)
}

// missing writes what a reading lacks, if it lacks something.
func (w *plainWriter) missing(list []MissingFigure) {
	if len(list) == 0 {
		return
	}
	writeList(w, `,"missing":`, list, (*plainWriter).missingFigure)
}

func (w *plainWriter) missingFigure(m *MissingFigure) {
	w.text(`{"name":`, m.Name)
	w.text(`,"reason":`, m.Reason)
	w.textIf(`,"detail":`, m.Detail)
	w.raw(`}`)
}
