package mongo

import (
	"context"
	"testing"

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
