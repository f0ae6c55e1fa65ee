//! Long lists of the real server, from end to end.

use ipc_client::{Client, Mode, blocking};
use ipc_wire::Name;

use super::{connect, start_server};

/// More than a page of names of this client.
const N_NAMES: usize = 250;

/// The longest names, which JSON writes twice as long.
fn name(n: usize) -> String {
    let name = format!("{}{n:03}", "\"".repeat(252));
    assert!(Name::new(&name).is_ok());
    name
}

#[tokio::test]
async fn a_list_of_many_pages_is_read_whole_in_every_form() {
    let server = start_server();
    let mut clients = Vec::new();
    for n in 0..5 {
        let client = connect(&server, &format!("client {n}")).await;
        for object in 0..N_NAMES {
            let name = format!("{} of {n}", &name(object)[10..]);
            let register = client.register(name, |_| async { unreachable!() });
            // The connection provides it until it ends.
            std::mem::forget(register.await.unwrap());
        }
        clients.push(client);
    }
    let reader = &clients[0];
    let all = reader.objects().await.unwrap();
    assert_eq!(all.len(), 5 * N_NAMES);
    assert!(all.is_sorted_by(|a, b| a.object < b.object));

    let (mut listing, mut n_pages) = (reader.list_objects(), 0);
    while let Some(page) = listing.next_page().await.unwrap() {
        assert!(page.len() < all.len());
        n_pages += 1;
    }
    assert!(2 < n_pages, "{n_pages}");

    let client = clients[3].id().unwrap();
    let of_one = reader
        .list_objects()
        .of_client(client)
        .collect()
        .await
        .unwrap();
    assert_eq!(of_one.len(), N_NAMES);
    assert!(
        of_one
            .iter()
            .all(|object| object.providers[0].client == client)
    );
    let raw = reader
        .list_objects()
        .of_client(client)
        .raw()
        .next()
        .await
        .unwrap()
        .unwrap();
    assert_eq!(raw.parse::<ipc_client::ObjectInfo>().unwrap(), of_one[0]);

    let listed = reader.clients().await.unwrap();
    assert_eq!(listed.len(), 5);
    assert_eq!(listed[3].client, client);
    let n_named = listed[3].objects.len() as u64;
    assert_eq!(n_named + listed[3].more_objects, N_NAMES as u64);
    assert!(0 < listed[3].more_objects);
}

#[test]
fn a_blocking_client_lists_one_entry_after_the_other() {
    let server = start_server();
    let address = server.addresses()[0].clone();
    let connect = || {
        Client::builder()
            .address(address.clone())
            .connect_blocking()
            .unwrap()
    };
    let clients: Vec<blocking::Client> = (0..3).map(|_| connect()).collect();
    let registrations: Vec<_> = clients
        .iter()
        .map(|client| {
            let register = client.register("shared", |_| async { unreachable!() });
            register.mode(Mode::Shared).wait().unwrap()
        })
        .collect();
    let entries: Result<Vec<_>, _> = clients[0].list_clients().of_object("shared").collect();
    let numbers: Vec<_> = entries.unwrap().iter().map(|entry| entry.client).collect();
    let expected: Vec<_> = clients.iter().map(|client| client.id().unwrap()).collect();
    assert_eq!(numbers, expected);
    let objects: Vec<_> = clients[0].list_objects().map(Result::unwrap).collect();
    assert_eq!(objects.len(), 1);
    assert_eq!(objects[0].providers.len(), 3);
    drop(registrations);
}
