package mongo

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"posthoorn/internal/store"
	"posthoorn/internal/store/storetest"
	"posthoorn/internal/testbed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	server := testbed.FerretDB(t)
	storetest.Run(t, func(t *testing.T) storetest.Place {
		proxy := testbed.StartProxy(t, server.Addr())
		database := server.NewName()
		documents := raw(t, server, database)
		return storetest.Place{
			Address: "mongodb://" + proxy.Addr() + "/" + database + "/messages/", Large: 5 << 19,
			Open: func(a store.Address, o store.Options) (*store.Store, error) { return openSplit(a, o, 1<<20) },
			Count: func(t *testing.T) int {
				n, err := documents.CountDocuments(t.Context(), bson.D{})
				if err != nil {
					t.Fatal(err)
				}
				return int(n)
			},
			Down: func(*testing.T) { server.Kill() }, Up: func(t *testing.T) { server.Start(t) },
			Freeze: func(*testing.T) { proxy.Blackhole(true) }, Continue: func(*testing.T) { proxy.Blackhole(false) },
		}
	})
}

// raw is the collection as another program sees it.
func raw(t *testing.T, server *testbed.StoreServer, database string) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + server.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return client.Database(database).Collection("messages")
}

// The name of a replica set stands in the path, or in an option; a wrong one finds no server.
func TestReplicaSet(t *testing.T) {
	server := testbed.FerretDB(t, "--repl-set-name=rs")
	for _, place := range []string{"/rs/test/messages/", "/test/messages?replicaSet=rs"} {
		s := open(t, "mongodb://"+server.Addr()+place, store.Options{})
		if err := s.Put(t.Context(), place, []byte("x"), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if data, err := s.Get(t.Context(), place); string(data) != "x" || err != nil {
			t.Errorf("%s: %q, %v", place, data, err)
		}
	}
	s := open(t, "mongodb://"+server.Addr()+"/other/test/messages", store.Options{Timeout: time.Second})
	if _, err := s.Get(t.Context(), "key"); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("have %v", err)
	}
}

func TestLogin(t *testing.T) {
	server := testbed.FerretDB(t, "--test-enable-new-auth", "--setup-username=us@er", "--setup-password=ge%he/im", "--setup-database=users")
	for login, good := range map[string]bool{"us%40er:ge%25he/im@": true, "us%40er:geheim@": false, "nobody:geheim@": false, "": false} {
		s := open(t, "mongodb://"+login+server.Addr()+"/test/messages?authSource=users", store.Options{})
		err := s.Put(t.Context(), "key", []byte("x"), time.Now().Add(time.Hour))
		if (err == nil) != good || err != nil && (strings.Contains(err.Error(), "geheim") || errors.Is(err, store.ErrNotFound)) {
			t.Errorf("%q: %v", login, err)
		}
	}
}
