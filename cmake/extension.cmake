# The PostgreSQL half: a module that links the engine, and the wall between the two, checked at every build.
# The environment decides at every configuration, not only at a build folder's first; then -DPG_CONFIG=… or the last one.
if(DEFINED ENV{PG_CONFIG})
  set(PG_CONFIG $ENV{PG_CONFIG} CACHE FILEPATH "pg_config of the PostgreSQL to build for" FORCE)
else()
  find_program(PG_CONFIG pg_config PATHS /usr/lib/postgresql/15/bin DOC "pg_config of the PostgreSQL to build for"
               REQUIRED)
endif()

foreach(item includedir-server pkglibdir sharedir version)
  string(REPLACE "-" "_" variable pg_${item})
  execute_process(COMMAND ${PG_CONFIG} --${item} OUTPUT_VARIABLE ${variable} OUTPUT_STRIP_TRAILING_WHITESPACE
                  COMMAND_ERROR_IS_FATAL ANY)
endforeach()
message(STATUS "${pg_version} (${PG_CONFIG})")

file(GLOB_RECURSE extension_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/extension/*.cpp)
add_library(podyn_objects OBJECT ${extension_sources})
target_include_directories(podyn_objects PRIVATE ${PROJECT_SOURCE_DIR}/extension ${PROJECT_SOURCE_DIR}/src)
target_include_directories(podyn_objects SYSTEM PRIVATE ${pg_includedir_server})
target_compile_definitions(podyn_objects PRIVATE PODYN_VERSION="${PROJECT_VERSION}")
target_compile_options(podyn_objects PRIVATE -fno-exceptions -fno-rtti -fno-threadsafe-statics -ffunction-sections)

set(check_wall ${PROJECT_SOURCE_DIR}/cmake/check_wall.sh)
set(module_map ${PROJECT_SOURCE_DIR}/extension/podyn.map)
set(module_sql ${PROJECT_SOURCE_DIR}/sql/podyn--${PROJECT_VERSION}.sql)
add_library(podyn MODULE $<TARGET_OBJECTS:podyn_objects>)
set_target_properties(podyn PROPERTIES PREFIX "" LINK_DEPENDS ${module_map})
target_link_libraries(podyn PRIVATE podyn_engine)
target_link_options(podyn PRIVATE -Wl,--version-script=${module_map} -Wl,--exclude-libs,ALL -Wl,--gc-sections)
add_custom_command(TARGET podyn POST_BUILD
  COMMAND ${check_wall} objects $<TARGET_OBJECTS:podyn_objects>
  COMMAND ${CMAKE_COMMAND} -E env PG_CONFIG=${PG_CONFIG} ${check_wall} sources ${PROJECT_SOURCE_DIR}/src
  COMMAND ${check_wall} module $<TARGET_FILE:podyn> ${module_sql}
  COMMENT "Checking the wall between extension/ and src/"
  COMMAND_EXPAND_LISTS VERBATIM)

install(TARGETS podyn LIBRARY DESTINATION ${pg_pkglibdir})
install(FILES ${PROJECT_SOURCE_DIR}/podyn.control ${module_sql} DESTINATION ${pg_sharedir}/extension)
