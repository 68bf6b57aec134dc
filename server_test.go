package winnow_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/winnowlm/winnow"
	"github.com/winnowlm/winnow/kvcache"
)

// A server next to a generation that computes on all threads still answers each
// of 50 clients while it goes on, and what is generated is the same.
func TestServerAnswersWhileASessionGenerates(t *testing.T) {
	const clients, answers = 50, 3
	m := tiny(t, winnow.Options{})
	o := winnow.GenerateOptions{MaxTokens: 100, IgnoreEnd: true}
	want, _ := write(t, session(t, m, kvcache.Config{}), "alone", o)

	var generating atomic.Bool
	var meanwhile [clients]atomic.Int32 // answers
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i, err := strconv.Atoi(r.URL.Path[1:]); err == nil && i < clients && generating.Load() {
			meanwhile[i].Add(1)
		}
		fmt.Fprint(w, "here")
	}))
	defer server.Close()
	answered := func() bool {
		for i := range meanwhile {
			if meanwhile[i].Load() < answers {
				return false
			}
		}
		return true
	}
	ended := make(chan struct{})
	var ask sync.WaitGroup
	for i := range clients {
		ask.Go(func() {
			for url := fmt.Sprint(server.URL, "/", i); ; {
				select {
				case <-ended:
					return
				default:
				}
				r, err := server.Client().Get(url)
				if !assert.NoError(t, err) {
					return
				}
				body, err := io.ReadAll(r.Body)
				r.Body.Close()
				assert.NoError(t, err)
				assert.Equal(t, "here", string(body))
			}
		})
	}
	for begin := time.Now(); !answered() && time.Since(begin) < time.Minute; {
		s := session(t, m, kvcache.Config{})
		generating.Store(true)
		got, _ := write(t, s, "alone", o)
		generating.Store(false)
		if !assert.Equal(t, want, got) {
			break
		}
	}
	close(ended)
	ask.Wait()
	require.True(t, answered(), "each of %d clients gets %d answers within a minute of generation", clients, answers)
}
