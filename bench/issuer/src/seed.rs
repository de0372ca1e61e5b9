//! Fills a database in the time that it takes to write it: rows are copies of a template's, which `tessera` made.
//!
//! That every copy has the template's secret and keys does not matter to what is measured: no part of a decision
//! depends on whether two hashes are equal.

use std::path::Path;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions,
};

use crate::{error::BenchError, material::Population};

/// The client that is copied.
pub(crate) const TEMPLATE: &str = "template";

/// A column with what takes its value's place in a copy: an SQL expression of `i`, the number of a client, and of
/// `k`, that of a grant of it.
type Replaced = (&'static str, String);

/// Makes a `population` of the template, which has credentials and a grant for itself.
pub(crate) async fn fill(database: &Path, population: Population) -> Result<(), BenchError> {
    let filled = async {
        let mut connection = SqliteConnectOptions::new().filename(database).connect().await?;
        let mut transaction = connection.begin().await?;
        let (client, audience) = (Population::client_sql("i"), population.audience_sql("i", "k"));
        let of_client = || vec![("client_id", client.clone())];
        let of_grant = || vec![("client_id", client.clone()), ("audience_id", audience.clone())];
        // Names of clients are written into what credentials hold as well, as subjects of workloads.
        let credential = vec![
            ("id", "printf('%08x', i) || substr(id, 9)".to_owned()),
            ("client_id", client.clone()),
            ("detail", format!("replace(detail, '{TEMPLATE}', {client})")),
            ("workload_key", "workload_key || '-' || i".to_owned()),
        ];
        let Population { clients, grants } = population;
        for (table, key, replaced, each) in [
            ("client", "id", &vec![("id", client.clone())], 1),
            ("client_scope", "client_id", &of_client(), 1),
            ("credential", "client_id", &credential, 1),
            ("client_grant", "client_id", &of_grant(), grants),
            ("client_grant_scope", "client_id", &of_grant(), grants),
        ] {
            copy(&mut transaction, table, key, replaced, clients, each).await?;
        }
        transaction.commit().await?;
        connection.close().await
    };
    filled.await.map_err(|source| BenchError::Database { path: database.to_owned(), source })
}

/// Lets every client, as an audience, ask for a status in its tokens.
pub(crate) async fn give_status(database: &Path) -> Result<(), BenchError> {
    let given = async {
        let mut connection = SqliteConnectOptions::new().filename(database).connect().await?;
        sqlx::query("UPDATE client SET status = 1").execute(&mut connection).await?;
        connection.close().await
    };
    given.await.map_err(|source| BenchError::Database { path: database.to_owned(), source })
}

/// Copies the template's rows of a table, for each client and each of its grants.
async fn copy(
    connection: &mut SqliteConnection,
    table: &str,
    key: &str,
    replaced: &[Replaced],
    clients: u32,
    grants: u32,
) -> Result<(), sqlx::Error> {
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
        .bind(table)
        .fetch_all(&mut *connection)
        .await?;
    let values: Vec<&str> = columns
        .iter()
        .map(|column| replaced.iter().find(|(name, _)| name == column).map_or(&**column, |(_, value)| value))
        .collect();
    let statement = format!(
        "WITH RECURSIVE clients (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM clients WHERE i + 1 < {clients}),
                        grants (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM grants WHERE k < {grants})
         INSERT INTO {table} ({}) SELECT {} FROM {table} CROSS JOIN clients CROSS JOIN grants WHERE {key} = '{TEMPLATE}'",
        columns.join(", "),
        values.join(", "),
    );
    // Made of names that this program and the database have, and of numbers.
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await?;
    Ok(())
}
